"""A run to a model folder."""
