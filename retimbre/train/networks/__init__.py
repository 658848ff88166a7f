"""The networks, their layers and their losses."""
