"""Many files: what is read, what is written, one job after another or several at a time."""
