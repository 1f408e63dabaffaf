"""The pytest plugin of the conformance kit. Importing it imports nothing of zen until a fixture is used."""
