"""Weights & Biases as experiment tracker of zen."""
