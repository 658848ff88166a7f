"""CREPE: the network and the decoding of its activations."""
