"""An instrument from one recorded note."""
