import os
import pickle
import subprocess

import pytest

from zen.errors import ComponentUnavailable
from zen.testing import FakeLauncher


def test_a_copy_writes_to_the_same_file(tmp_path):
    launcher = FakeLauncher(tmp_path / "journal", states={"a": "failed"})
    assert pickle.loads(pickle.dumps(launcher)).execute("a").state == "failed"
    assert launcher.execute("b").state == "completed"
    assert launcher.events() == [("start", "a"), ("end", "a"), ("start", "b"), ("end", "b")]


def test_a_step_that_raises_does_not_end(tmp_path):
    launcher = FakeLauncher(tmp_path / "journal", raising="a")
    with pytest.raises(ComponentUnavailable, match="in step 'a'"):
        launcher.execute("a")
    assert launcher.events() == [("start", "a")]


def test_items_are_those_that_were_given(tmp_path):
    launcher = FakeLauncher(tmp_path / "journal", mapped={"a": ("a[0]",)})
    assert (launcher.items("a"), launcher.items("b")) == (["a[0]"], [])
    assert launcher.events() == [("items", "a"), ("items", "b")]


def test_a_command_does_the_same_in_another_process(tmp_path):
    launcher = FakeLauncher(tmp_path / "journal", raising="b")
    codes = []
    for name in ("a", "b"):
        command = launcher.command(name)
        environment = {**os.environ, **command.env}
        codes.append(subprocess.run(command.argv, env=environment, cwd=command.cwd, capture_output=True).returncode)
    assert codes == [0, 1]
    assert launcher.events() == [("start", "a"), ("end", "a"), ("start", "b")]
