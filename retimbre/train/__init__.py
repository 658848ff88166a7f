"""Training: everything that needs TensorFlow, and the data it learns from."""
