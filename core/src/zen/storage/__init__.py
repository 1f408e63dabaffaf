"""Content-addressed artifacts, and all SQL."""

from zen.storage import changes
from zen.storage.artifacts import ArtifactFiles, Saved, reader, save
from zen.storage.database import Database
from zen.storage.filelock import FileLock
from zen.storage.objects import Objects

__all__ = ["ArtifactFiles", "Database", "FileLock", "Objects", "Saved", "changes", "reader", "save"]
