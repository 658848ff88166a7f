"""The CREPE network and the reading of its activations."""
