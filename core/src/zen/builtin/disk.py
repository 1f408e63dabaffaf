"""What the local stores need of a disk: files that survive a power cut, and errors that say what is wrong."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from zen.errors import PermissionDenied, StorageError

_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_HINTS = {
    errno.EMFILE: "this process has too many files open: close some, or raise the limit (`ulimit -n`)",
    errno.ENFILE: "the system has too many files open: end some programs",
    errno.EIO: "the disk fails: nothing of this was kept; look at the system's log, and copy what is dear to you",
    errno.EFBIG: "the system forbids files of that size: raise the limit (`ulimit -f`), or use another file system",
}
_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})

if sys.platform == "darwin":
    import fcntl

    def sync(descriptor: int) -> None:
        """Return once the bytes of a file are on the disk; on macOS fsync stops at the drive's cache."""
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)

else:
    sync = os.fsync


def sync_path(path: Path) -> None:
    """Sync a file, or the names in a folder. Windows has no such thing for folders and does it by itself."""
    if sys.platform == "win32":
        if path.is_dir():
            return
        mode = os.O_RDWR
    else:
        mode = os.O_RDONLY
    descriptor = os.open(path, mode)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path, *, mode: int = 0o700, durable: bool = True) -> None:
    """Make a folder and its missing parents, each with that mode, so that they survive a power cut.

    Raises:
        OSError: When one cannot be made, or something else is in its place.
    """
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        try:
            new.mkdir(mode)
        except FileExistsError:
            if not new.is_dir():
                raise
        if durable:
            sync_path(new.parent)


def replace(draft: Path, target: Path, *, durable: bool = True) -> None:
    """Put a finished file in its place, in one step: others see the old one or the new one."""
    if durable:
        sync_path(draft)
    try:
        os.replace(draft, target)
    except PermissionError:
        if sys.platform != "win32":
            raise
        # Windows replaces no read-only file.
        os.chmod(target, 0o600)
        os.replace(draft, target)
    if durable:
        sync_path(target.parent)


def refusal(error: OSError, action: str, path: Path, *, size: int | None = None) -> PermissionDenied | StorageError:
    """Return what to raise when the disk refused `action` (`write`, `make the folder`) on a path.

    Args:
        error: What the system said.
        action: A verb, for "may not … PATH".
        path: The path that the person knows.
        size: How many bytes were to be written, where known.
    """
    if error.errno in _REFUSED:
        return PermissionDenied(
            f"may not {action} {path}: {error.strerror}",
            hint="give this user the right to, or configure another path",
            path=path,
        )
    if error.errno in _FULL:
        return full(action, path, size=size)
    hint = _HINTS.get(error.errno or 0, "")
    return StorageError(f"could not {action} {path}: {error.strerror or error}", hint=hint, path=path)


def full(action: str, path: Path, *, size: int | None = None) -> StorageError:
    """Return the error for a disk without space, with how much there is and how much it takes."""
    import shutil

    existing = next(place for place in (path, *path.parents) if place.exists())
    usage = shutil.disk_usage(existing)
    needed = "" if size is None else f"{readable(size)} needed, "
    return StorageError(
        f"no space left to {action} {path}: {needed}{readable(usage.free)} of {readable(usage.total)} free",
        hint="make space on that disk, or configure a path on another one",
        path=path,
        needed=size,
        free=usage.free,
    )


def readable(size: float) -> str:
    """Return a number of bytes as people read it: `512 B`, `1.5 MiB`."""
    if size < _KIB:
        return f"{size:.0f} B"
    for unit in ("KiB", "MiB", "GiB"):
        size /= _KIB
        if size < _KIB:
            return f"{size:.1f} {unit}"
    return f"{size / _KIB:.1f} TiB"


_KIB = 1024


def network_file_system(path: Path) -> str:
    """Return the type of the network file system that holds a path (`nfs4`), else an empty string; Linux only."""
    try:
        table = Path("/proc/self/mountinfo").read_text()
    except OSError:
        return ""
    place, kind = Path("/"), ""
    resolved = path.resolve()
    for line in table.splitlines():
        before, _, after = line.partition(" - ")
        mounted = Path(before.split()[4].encode().decode("unicode_escape"))
        if resolved.is_relative_to(mounted) and mounted.is_relative_to(place):
            place, kind = mounted, after.split()[0]
    return kind if kind in _NETWORKED else ""


_NETWORKED = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "lustre", "fuse.sshfs", "afs"}
)
