"""pandera as data validator of zen."""
