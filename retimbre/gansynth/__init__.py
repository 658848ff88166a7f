"""GANSynth's note images and their synthesis."""
