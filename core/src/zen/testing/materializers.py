"""The suite of materializers.

    class TestFrames(MaterializerSuite):
        materializer = FrameMaterializer
        lacks = {"subclass": "subclasses of DataFrame are saved as DataFrame"}

        def values(self):
            return {"plain": frame, "empty": frame[:0], "large": big_frame}

        def equal(self, one, other):
            return one.equals(other)

What the plugin contract lists and the interface as built does not have: a summary without the tool (`describe` gets the
live value, so the tool is there; that it gives plain data is checked).
"""

from __future__ import annotations

import copy
import json
import os
import pickle
import pickletools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from zen.interfaces import Materializer
from zen.testing.artifacts import FolderReader, save
from zen.testing.auditing import watched
from zen.testing.checks import DoesNotApply, NotVerified, require
from zen.testing.plugin_checks import DistributionChecks

if TYPE_CHECKING:
    from zen.registry.catalog import PluginEntry
    from zen.testing.kit import Kit

LARGE = 1 << 20
_WANTED = {
    "empty": "a value with nothing in it",
    "large": f"a value of at least {LARGE:,} bytes",
    "subclass": "a value of a subclass of the registered type",
}


class MaterializerSuite(DistributionChecks):
    """What holds for a materializer.

    Attributes:
        materializer: The class; set by the author.
        lacks: What does not apply, each with the reason: `empty`, `large` or `subclass` for a type that has no such
            values, `deterministic` when equal values may give other bytes.
        released: A folder with a folder for each value that an earlier version of the format has saved
            (`zen.testing.save(materializer, value, folder)`), named like the value in `values`.
    """

    kind: ClassVar[str] = ""
    materializer: ClassVar[type[Materializer]]
    lacks: ClassVar[Mapping[str, str]] = {}
    released: ClassVar[Path | None] = None

    def values(self) -> Mapping[str, Any]:
        """Return values to try by name: at least one, and `empty`, `large` and `subclass` unless they are lacked."""
        raise AssertionError(
            "tried: values to save\n came: none\n   do: write `values(self)` in"
            f" {type(self).__qualname__}, which returns values by name: one or more of your own, {_listed()}"
        )

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether a loaded value equals the saved one; the types are compared already."""
        return bool(one == other)

    def about(self) -> dict[str, Any]:
        """Return what is checked."""
        cls = self.materializer
        return {**super().about(), "materializer": _name(cls), "format": cls.format, "lacks": dict(self.lacks)}

    def distribution(self, kit: Kit) -> str:
        """Return the distribution that registers the materializer."""
        return self._entries(kit)[0].distribution

    def modules(self, kit: Kit) -> list[str]:
        """Return the module of the materializer."""
        return [self._entries(kit)[0].value.partition(":")[0]]

    def test_format_has_name_and_version(self, kit: Kit) -> None:
        """The format has a name and a version, which are recorded with each artifact."""
        cls = self.materializer
        name, version = getattr(cls, "format", None), cls.version
        require(
            isinstance(name, str) and name and type(version) is int and version >= 1,
            tried=f"{cls.__qualname__}.format and version",
            came=(name, version),
            do="give it a name, such as 'parquet', and a version, 1 at first",
        )

    def test_types_are_registered(self, kit: Kit) -> None:
        """The registry finds the materializer for the types of the values."""
        for told, value in self.values().items():
            found = kit.registry.materializer(type(value))
            require(
                isinstance(found, self.materializer),
                tried=f"the materializer for {_name(type(value))} ({told})",
                came=_name(type(found)) if found else "none",
                do=f'[project.entry-points."zen.types.v1"] "{_name(type(value))}" = "{_name(self.materializer, ":")}";'
                " reinstall after the change",
            )

    def test_awkward_values_are_given(self, kit: Kit) -> None:
        """The suite tries an empty value, a large one and one of a subclass, or says why there is none."""
        values = self.values()
        for name, meaning in _WANTED.items():
            require(
                name in values or self.lacks.get(name, "").strip(),
                tried=f"{name!r}, {meaning}",
                came="it is neither among the values nor lacked",
                do=f'say which: an entry {name!r} in `values`, or `lacks = {{{name!r}: "why"}}`',
            )
        if "large" in values:
            reader = save(self.materializer(), values["large"], kit.tmp_path / "large")
            size = sum(len(reader.read(name)) for name in reader.names)
            require(size >= LARGE, tried="the size of 'large', saved", came=f"{size:,} bytes", do=_WANTED["large"])

    def test_values_come_back(self, kit: Kit) -> None:
        """Every value comes back equal and of the same type, the empty, the large and that of a subclass too."""
        for told, value in self.values().items():
            loaded = self.materializer().load(save(self.materializer(), value, kit.tmp_path / told))
            self._require_same(value, loaded, f"save and load of {told!r}")

    def test_fresh_process_loads_values(self, kit: Kit) -> None:
        """A new process loads what was saved: the files say everything that loading needs."""
        told, value = next(iter(self.values().items()))
        reader = save(self.materializer(), value, kit.tmp_path / "saved")
        _again(self.materializer, reader, kit.tmp_path / "again")
        loaded = self.materializer().load(FolderReader(kit.tmp_path / "again"))
        self._require_same(
            value, loaded, f"save {told!r} here, load it and save it again in a new process, load it here"
        )

    def test_equal_values_give_equal_bytes(self, kit: Kit) -> None:
        """Saving a value again, here and in a new process, gives the same bytes; or the suite says that it does not."""
        if self.lacks.get("deterministic", "").strip():
            raise DoesNotApply(f"it is not deterministic: {self.lacks['deterministic']}")
        do = 'write no times and no random names, sort what has no order; or lacks = {"deterministic": "why"}'
        for told, value in self.values().items():
            first = save(self.materializer(), value, kit.tmp_path / told / "first")
            second = save(self.materializer(), value, kit.tmp_path / told / "second")
            tried = f"the bytes of {told!r}, saved twice"
            require(_bytes(first) == _bytes(second), tried=tried, came=_difference(first, second), do=do)
        told, value = next(iter(self.values().items()))
        first = FolderReader(kit.tmp_path / told / "first")
        _again(self.materializer, first, kit.tmp_path / "again")
        other = FolderReader(kit.tmp_path / "again")
        tried = f"the bytes of {told!r}, saved here and in a new process with another hash seed"
        require(_bytes(first) == _bytes(other), tried=tried, came=_difference(first, other), do=do)

    def test_safe_format_has_no_pickle(self, kit: Kit) -> None:
        """Unless it is declared `unsafe`, nothing is pickled, and loading runs nothing that the bytes name."""
        if self.materializer.unsafe:
            raise DoesNotApply("it is declared unsafe")
        do = "keep the data in a format of its own; or declare `unsafe = True`"
        for told, value in self.values().items():
            reader = save(self.materializer(), value, kit.tmp_path / told)
            pickled = [name for name in reader.names if _is_pickle(reader.path(name))]
            require(not pickled, tried=f"the files of {told!r}", came=f"{', '.join(pickled)}: a pickle", do=do)
            with watched("pickle.find_class") as events:
                self.materializer().load(reader)
            require(not events, tried=f"load() of {told!r}", came="; ".join(events), do=do)

    def test_description_is_plain(self, kit: Kit) -> None:
        """`describe` gives plain data."""
        for told, value in self.values().items():
            facts = self.materializer().describe(value)
            try:
                plain = isinstance(facts, Mapping) and bool(json.dumps(dict(facts), allow_nan=True))
            except (TypeError, ValueError):
                plain = False
            require(
                plain,
                tried=f"describe() of {told!r} as JSON",
                came=facts,
                do="return a mapping of texts to plain data: convert the tool's own numbers",
            )

    def test_saving_leaves_the_value_alone(self, kit: Kit) -> None:
        """Saving and describing do not change the value."""
        for told, value in self.values().items():
            try:
                before = copy.deepcopy(value)
            except Exception:  # noqa: BLE001, S112  # a value that cannot be copied cannot be compared
                continue
            save(self.materializer(), value, kit.tmp_path / told)
            self.materializer().describe(value)
            # A value that does not equal its own copy, such as NaN, says nothing.
            require(
                self.equal(before, value) or not self.equal(before, copy.deepcopy(before)),
                tried=f"save() and describe() of {told!r}, then the value itself",
                came="it has changed",
                do="work on a copy",
            )

    def test_released_versions_load(self, kit: Kit) -> None:
        """Files of every released version of the format still load."""
        version = self.materializer.version
        if version == 1 and self.released is None:
            raise DoesNotApply("there is one version of the format")
        folders = sorted(path for path in self.released.iterdir() if path.is_dir()) if self.released else []
        found = {FolderReader(folder).version for folder in folders}
        missing = sorted(set(range(1, version)) - found)
        require(
            not missing,
            tried=f"files of each version before {version}",
            came=f"none of version {', '.join(map(str, missing))}",
            do="keep files of each version: zen.testing.save(materializer, value, folder), named in `released`",
        )
        values = self.values()
        for folder in folders:
            loaded = self.materializer().load(FolderReader(folder))
            if folder.name in values:
                self._require_same(values[folder.name], loaded, f"load of {folder}")

    def _require_same(self, value: Any, loaded: Any, tried: str) -> None:
        do = "save everything that the value consists of; or raise MaterializerError in `save` for what you cannot keep"
        require(type(loaded) is type(value), tried=f"{tried}: the type", came=_name(type(loaded)), do=do)
        require(
            self.equal(value, loaded), tried=tried, came=loaded, do=f"{do}. What is equal, the suite's `equal` says"
        )

    def _entries(self, kit: Kit) -> list[PluginEntry]:
        from zen.registry.catalog import TYPES

        reference = _name(self.materializer, ":")
        found = [entry for entry in kit.registry.catalog.group(TYPES) if entry.value == reference]
        if not found:
            give = '[project.entry-points."zen.types.v1"] "module.Type" = "' + reference + '", then reinstall'
            raise NotVerified(f"no entry point leads to {reference}", give=give)
        return found


def _name(cls: type, separator: str = ".") -> str:
    return f"{cls.__module__}{separator}{cls.__qualname__}"


def _listed() -> str:
    return ", ".join(f"{name!r} ({meaning})" for name, meaning in _WANTED.items())


def _bytes(reader: FolderReader) -> dict[str, bytes]:
    return {name: reader.read(name) for name in reader.names}


def _difference(one: FolderReader, other: FolderReader) -> str:
    if one.names != other.names:
        return f"files {one.names} and {other.names}"
    return ", ".join(name for name in one.names if one.read(name) != other.read(name)) + " differ"


def _is_pickle(path: Path) -> bool:
    """Whether a file is a pickle from the first byte to the last."""
    with path.open("rb") as stream:
        if stream.read(1) != pickle.PROTO:
            return False
        stream.seek(0)
        try:
            for _ in pickletools.genops(stream):
                pass
        except Exception:  # noqa: BLE001  # whatever is said about bytes that are something else
            return False
        return not stream.read(1)


_AGAIN = """
from pathlib import Path
from zen.testing.artifacts import FolderReader, save
from zen.testing.processes import resolved
materializer = resolved(sys.argv[1:4])()
save(materializer, materializer.load(FolderReader(Path(sys.argv[4]))), Path(sys.argv[5]))
"""


def _again(cls: type[Materializer], reader: FolderReader, target: Path) -> None:
    """Load and save again in a new process, whose hashes are others."""
    from zen.testing.processes import reference, run_program

    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    run_program(_AGAIN, *reference(cls), reader.folder, target, environment={"PYTHONHASHSEED": seed})
