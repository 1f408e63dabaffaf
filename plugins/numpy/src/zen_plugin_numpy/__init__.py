"""NumPy arrays and scalars as artifacts of zen."""
