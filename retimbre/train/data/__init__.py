"""Data sets of notes."""
