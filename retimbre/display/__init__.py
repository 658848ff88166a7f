"""Pictures of inputs and results."""
