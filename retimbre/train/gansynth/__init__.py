"""GANSynth's own checkpoints."""
