"""What plugin authors test with: artifacts in a folder for materializers."""

from zen.testing.artifacts import FolderReader, FolderWriter, round_trip, save

__all__ = ["FolderReader", "FolderWriter", "round_trip", "save"]
