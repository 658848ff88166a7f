"""GANSynth's images of notes, and the sound that they stand for."""
