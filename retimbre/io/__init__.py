"""Files in and out: media, MIDI, tables."""
