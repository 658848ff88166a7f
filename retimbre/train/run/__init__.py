"""A training run: its loop, its folder and what it draws."""
