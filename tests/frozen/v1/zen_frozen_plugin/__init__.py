"""A plugin for v1 of the API, never to be edited: see tests/frozen/README.md."""
