"""Great Expectations as data validator of zen."""
