import fractions
import io
import os
import pickle
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections import OrderedDict
from pathlib import Path

import pytest

from zen.builtin.materializers.pickles import PickleMaterializer
from zen.errors import MaterializerError
from zen.testing.artifacts import FolderReader, round_trip, save


class Model:
    def __init__(self, content=None):
        self.content = content

    def __eq__(self, other):
        return self.content == other.content

    class Part:
        pass


def double(x):
    return 2 * x


def test_objects_classes_and_functions_come_back():
    value = [Model({1: Model.Part}), double, OrderedDict(a=1)]
    assert round_trip(PickleMaterializer(), value) == value


def test_a_fresh_process_loads_pickles():
    value = [fractions.Fraction(1, 3), OrderedDict(a=fractions.Fraction), io.BytesIO]
    assert round_trip(PickleMaterializer(), value, fresh_process=True) == value


def test_shared_parts_stay_shared():
    part = Model()
    one, other = round_trip(PickleMaterializer(), [part, part])
    assert one is other


def _generator():
    yield


def _with_generator():
    return Model([_generator()])


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (threading.Lock, "_thread.lock"),
        (lambda: Model({"a": threading.Lock()}), "_thread.lock"),
        (_with_generator, "generator"),
        (lambda: Model(socket.socket()), "socket.socket"),
        (lambda: Model(tempfile.TemporaryFile()), "_io.BufferedRandom"),
        (lambda: Model(io.TextIOWrapper(io.BytesIO())), "_io.TextIOWrapper"),
        (lambda: Model(lambda: 1), "function"),
        (lambda: Model(os), "module"),
    ],
    ids=["lock", "lock inside", "generator", "socket", "file", "text file", "lambda", "module"],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_what_cannot_be_saved_is_named(make, part):
    value = make()
    with pytest.raises(MaterializerError, match="cannot be saved") as caught:
        save(PickleMaterializer(), value)
    assert part in caught.value.message
    assert caught.value.part == part
    assert "write a materializer" in caught.value.hint


def test_a_fault_of_the_value_is_the_cause():
    class Broken:
        def __getstate__(self):
            raise RuntimeError("no state")

    with pytest.raises(MaterializerError, match="RuntimeError: no state") as caught:
        save(PickleMaterializer(), Broken())
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_too_deep_a_value_is_refused():
    value: list = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(MaterializerError, match="nested too deep"):
        save(PickleMaterializer(), value)
    while value:
        value = value.pop()


SCRIPT = """
    import sys
    from pathlib import Path
    from zen.builtin.materializers.pickles import PickleMaterializer
    from zen.testing.artifacts import save
    class Thing:
        class Part: pass
        def __init__(self, x): self.x = x
    def helper(x): return x + 1
    if __name__ == "__main__":
        save(PickleMaterializer({"__main__": "training"}), [Thing(1), Thing, Thing.Part(), helper, Thing], Path(sys.argv[1]))
"""


def _run_script(folder: Path) -> FolderReader:
    (folder / "training.py").write_text(textwrap.dedent(SCRIPT))
    subprocess.run([sys.executable, folder / "training.py", folder / "out"], check=True)
    return FolderReader(folder / "out")


def test_classes_of_a_script_are_found_under_its_module_name(tmp_path, monkeypatch):
    reader = _run_script(tmp_path)
    assert b"__main__" not in reader.read()
    monkeypatch.syspath_prepend(tmp_path)
    thing, cls, part, helper, again = PickleMaterializer().load(reader)
    import training

    assert type(thing) is cls is again is training.Thing
    assert thing.x == 1
    assert type(part) is training.Thing.Part
    assert helper is training.helper
    del sys.modules["training"]


def test_the_reader_finds_modules_that_python_does_not(tmp_path):
    class Project(FolderReader):
        def resolve(self, type_name):
            return {"training.Thing": Model, "training.Thing.Part": Model.Part, "training.helper": double}[type_name]

    _run_script(tmp_path)
    thing, cls, *_ = PickleMaterializer().load(Project(tmp_path / "out"))
    assert type(thing) is cls is Model


def test_renamed_functions_that_cannot_be_found_are_refused():
    with pytest.raises(MaterializerError, match=r"training\..*<lambda> cannot be found by that name"):
        save(PickleMaterializer({__name__: "training"}), [lambda: 1])


@pytest.mark.parametrize(
    "data", [b"", b"junk", pickle.dumps(Model())[:-5], b"cno_such_module\nX\n.", b"cos\nnothing\n."]
)
def test_damaged_pickles_are_a_clear_error(data, tmp_path):
    reader = save(PickleMaterializer(), Model(), tmp_path)
    (tmp_path / "data").chmod(0o644)
    (tmp_path / "data").write_bytes(data)
    with pytest.raises(MaterializerError, match="cannot be"):
        PickleMaterializer().load(reader)


def test_pickles_are_marked_as_unsafe():
    assert PickleMaterializer.unsafe
