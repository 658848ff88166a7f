"""An instrument from recorded notes."""
