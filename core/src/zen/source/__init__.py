"""The one layer that reads source code: module names, loading, fingerprints, snapshots."""

from zen.source.fingerprint import Fingerprint, code_ref, fingerprint, source_of
from zen.source.git import commit_of
from zen.source.loading import StopLoading, adopt_main, load_module, load_object, loading, prepare_path
from zen.source.modules import module_name, project_name
from zen.source.origin import Origin, origin_of
from zen.source.snapshot import Snapshot, extract, read_manifest, read_omitted, take

__all__ = [
    "Fingerprint",
    "Origin",
    "Snapshot",
    "StopLoading",
    "adopt_main",
    "code_ref",
    "commit_of",
    "extract",
    "fingerprint",
    "load_module",
    "load_object",
    "loading",
    "module_name",
    "origin_of",
    "prepare_path",
    "project_name",
    "read_manifest",
    "read_omitted",
    "source_of",
    "take",
]
