"""The embedded default components: a plugin like any other."""
