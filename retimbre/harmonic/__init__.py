"""Harmonic note images and their synthesis."""
