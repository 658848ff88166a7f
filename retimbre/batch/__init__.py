"""Many files: planned first, then rendered one by one or in parallel."""
