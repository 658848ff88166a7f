"""Note images and the waveforms they stand for."""
