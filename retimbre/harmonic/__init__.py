"""Harmonic note images, and the sound that they stand for."""
