import pytest

from zen.builtin.materializers.plain import PlainMaterializer
from zen.errors import MaterializerError
from zen.interfaces import Materializer
from zen.testing.artifacts import FolderReader, FolderWriter, round_trip, save


class Unreadable(Materializer):
    format = "unreadable"

    def save(self, value, writer):
        writer.write(b"", "a/b")

    def load(self, reader):
        raise RuntimeError(f"no {reader.read('a/b')!r}")


class Forgetful(Materializer):
    format = "forgetful"

    def save(self, value, writer):
        writer.path("a")

    def load(self, reader):
        return None


def test_a_folder_says_what_was_saved(tmp_path):
    save(PlainMaterializer(), [1], tmp_path)
    reader = FolderReader(tmp_path)
    assert (reader.format, reader.version, reader.type, reader.names) == ("json", 1, "builtins.list", ("data",))
    assert reader.read() == b"[1]"


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "/a", "a/../b", "a//b", "./a", "a\0", "a\\b"])
def test_unsafe_names_are_refused(tmp_path, name):
    with pytest.raises(MaterializerError):
        FolderWriter(tmp_path).write(b"", name)


def test_a_file_is_written_once(tmp_path):
    writer = FolderWriter(tmp_path)
    writer.write(b"a")
    with pytest.raises(MaterializerError, match="already has a file 'data'"):
        writer.write(b"b")


def test_streams_go_forward_only(tmp_path):
    with FolderWriter(tmp_path).open() as stream:
        stream.write(b"a")
        assert not stream.seekable()
        with pytest.raises(OSError):
            stream.seek(0)


def test_a_path_that_stays_empty_is_an_error():
    with pytest.raises(MaterializerError, match="asked for a path for 'a' and wrote no file"):
        save(Forgetful(), 1)


def test_files_are_read_only_after_saving(tmp_path):
    assert save(PlainMaterializer(), 1, tmp_path).path().stat().st_mode & 0o222 == 0


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MaterializerError, match="no file 'x'; it has: data"):
        save(PlainMaterializer(), 1, tmp_path).read("x")


def test_what_the_fresh_process_said_is_shown():
    with pytest.raises(MaterializerError, match="RuntimeError: no b''"):
        round_trip(Unreadable(), 1, fresh_process=True)


def test_names_of_classes_are_resolved(tmp_path):
    reader = save(PlainMaterializer(), 1, tmp_path)
    assert reader.resolve("zen.interfaces.materializer.Materializer") is Materializer
    assert reader.resolve("builtins.int") is int
    for name in ("nothing", "os.path", "no_such_module.X"):
        with pytest.raises(MaterializerError, match="cannot be imported"):
            reader.resolve(name)


def test_a_tree_is_a_copy(tmp_path):
    reader = save(Unreadable(), 1, tmp_path / "artifact")
    (reader.tree() / "a" / "b").unlink()
    assert (reader.tree() / "a" / "b").read_bytes() == reader.read("a/b")
