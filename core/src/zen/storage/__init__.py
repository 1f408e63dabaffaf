"""Content-addressed artifacts, and all SQL."""

from zen.storage import changes
from zen.storage.artifacts import ArtifactFiles, Saved, reader, save
from zen.storage.database import Database
from zen.storage.filelock import FileLock
from zen.storage.label import LABEL, Label, write_label
from zen.storage.models import Models
from zen.storage.objects import Objects, Uploads
from zen.storage.packed import FolderReader, FolderWriter

__all__ = [
    "LABEL",
    "ArtifactFiles",
    "Database",
    "FileLock",
    "FolderReader",
    "FolderWriter",
    "Label",
    "Models",
    "Objects",
    "Saved",
    "Uploads",
    "changes",
    "reader",
    "save",
    "write_label",
]
