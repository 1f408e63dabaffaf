"""pandas DataFrames, Series and indexes as artifacts of zen."""
