"""What happens to a deployment when processes are killed, hang, race, or when the machine restarts."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from zen.errors import ComponentError, ComponentUnavailable
from zen_plugin_serve import asking
from zen_plugin_serve.deployer import ServeDeployer

pytestmark = pytest.mark.slow

DEPLOY = """
import sys, json, pathlib
from zen.records import ModelVersion
from zen.testing.hosts import FakeHost
from zen_plugin_serve.config import ServeConfig
from zen_plugin_serve.deployer import ServeDeployer
root, number, files = pathlib.Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
deployer = ServeDeployer(ServeConfig())
deployer.open(FakeHost(root))
files = {name: pathlib.Path(path) for name, path in files.items()}
made = deployer.deploy("churn", ModelVersion(model="churn", version=number), files, {})
print(made.state, made.version, made.url, flush=True)
"""


def test_a_killed_server_is_told_as_failed_and_starts_again(deployer: ServeDeployer, pack: Any, version: Any) -> None:
    made = deployer.deploy("churn", version(1), pack("Model(1)"), {})
    workers = children(made.metadata["process"])
    assert len(workers) == 1
    os.kill(made.metadata["process"], signal.SIGKILL)
    told = f"process {made.metadata['process']}, ended unexpectedly"
    assert until(lambda: told in deployer.get("churn").reason)  # for a moment it only does not answer
    assert deployer.get("churn").state == "failed"
    assert until(lambda: not any(map(lives, workers)))
    with pytest.raises(ComponentUnavailable):
        deployer.predict("churn", [1])
    again = deployer.deploy("churn", version(2), pack("Model(2)"), {})
    assert (again.state, again.url) == ("ready", made.url)


def test_a_model_that_hangs_dies_with_its_server(
    deployer: ServeDeployer, pack: Any, version: Any, tmp_path: Path
) -> None:
    made = deployer.deploy("churn", version(1), pack("Model(1)"), {})
    workers = children(made.metadata["process"])
    hang(deployer, tmp_path)
    os.kill(made.metadata["process"], signal.SIGKILL)
    assert until(lambda: not any(map(lives, workers)))


def test_stopping_ends_a_model_that_hangs(deployer: ServeDeployer, pack: Any, version: Any, tmp_path: Path) -> None:
    made = deployer.deploy("churn", version(1), pack("Model(1)"), {})
    workers = children(made.metadata["process"])
    hang(deployer, tmp_path)
    deployer.stop("churn")
    assert deployer.get("churn").state == "stopped"
    assert not any(map(lives, [made.metadata["process"], *workers]))


def test_stopping_ends_a_server_that_hangs(
    deployer: ServeDeployer, pack: Any, version: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_HEALTHY_IN", 0.5)
    made = deployer.deploy("churn", version(1), pack("Model(1)"), {"stop_timeout": 0.5})
    workers = children(made.metadata["process"])
    os.kill(made.metadata["process"], signal.SIGSTOP)
    assert (found := deployer.get("churn")).state == "failed"
    assert "does not answer" in found.reason
    deployer.stop("churn")
    assert until(lambda: not any(map(lives, [made.metadata["process"], *workers])))


def test_deploying_replaces_a_server_that_hangs(
    deployer: ServeDeployer, pack: Any, version: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = deployer.deploy("churn", version(1), pack("Model(1)"), {})
    monkeypatch.setattr(asking, "_HEALTHY_IN", 0.5)
    os.kill(made.metadata["process"], signal.SIGSTOP)
    again = deployer.deploy("churn", version(2), pack("Model(2)"), {})
    assert (again.state, again.url) == ("ready", made.url)
    assert again.metadata["process"] != made.metadata["process"]
    assert deployer.predict("churn", [["number"]]) == [2]


def test_after_a_restart_of_the_machine_it_is_stopped(
    deployer: ServeDeployer, pack: Any, version: Any, place: Any
) -> None:
    made = deployer.deploy("churn", version(1), pack("Model(1)"), {})
    os.kill(made.metadata["process"], signal.SIGKILL)
    assert until(lambda: not place().is_alive())
    # The id that it had now belongs to another process, as after a restart.
    place().write_status(replace(place().status(), pid=os.getpid(), boot="another"))
    found = deployer.get("churn")
    assert (found.state, found.reason) == ("stopped", "the machine was restarted; deploy it again")
    deployer.stop("churn")
    assert deployer.deploy("churn", version(2), pack("Model(2)"), {}).state == "ready"


def test_a_deploy_that_was_broken_off_before_the_server_started_is_told(
    deployer: ServeDeployer, pack: Any, version: Any, place: Any
) -> None:
    deployer.deploy("churn", version(1), pack("Model(1)"), {})
    deployer.stop("churn")
    place().forget_status()
    place().write_order(replace(place().order(), stopped=False))
    assert (deployer.get("churn").state, deployer.get("churn").reason) == (
        "failed",
        "deploying it was broken off; deploy it again",
    )


def test_a_server_ends_when_its_folder_is_removed(
    deployer: ServeDeployer, pack: Any, version: Any, place: Any, tmp_path: Path
) -> None:
    made = deployer.deploy("churn", version(1), pack("Model(1)"), {})
    place().folder.rename(tmp_path / "elsewhere")
    assert until(lambda: not lives(made.metadata["process"]))
    assert deployer.get("churn") is None


def test_a_server_that_cannot_be_started_says_why(
    deployer: ServeDeployer, pack: Any, version: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "fastapi.py").write_text("raise ImportError('no fastapi today')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    made = deployer.deploy("churn", version(1), pack("Model(1)"), {})
    assert made.state == "failed"
    assert "no fastapi today" in made.reason
    assert "no fastapi today" in deployer.get("churn").reason


def test_modules_of_the_project_take_no_module_of_the_server(
    deployer: ServeDeployer, pack: Any, version: Any, project: Path
) -> None:
    modules = [project / "uvicorn.py", project / "queue.py"]
    for module in modules:
        module.write_text("raise ImportError('this is the project')")
    try:
        assert deployer.deploy("churn", version(1), pack("Model(1)"), {}).state == "ready"
    finally:
        for module in modules:
            module.unlink()


def test_deploys_of_one_name_come_one_after_the_other(
    deployer: ServeDeployer, pack: Any, version: Any, place: Any
) -> None:
    files = {number: pack(f"Model({number})") for number in range(1, 6)}
    made: dict[int, Any] = {}
    threads = [
        threading.Thread(target=lambda n=n: made.update({n: deployer.deploy("churn", version(n), files[n], {})}))
        for n in files
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [made[number].state for number in files] == ["ready"] * 5
    assert len({each.url for each in made.values()}) == 1
    last = max(made.values(), key=lambda each: each.metadata["generation"])
    assert deployer.get("churn").version == last.version
    assert deployer.predict("churn", [["number"]]) == [last.version]
    assert until(lambda: len(list((place().folder / "generations").iterdir())) == 1)
    assert until(lambda: len(children(last.metadata["process"])) == 1)


def test_deploying_and_deleting_race_without_remains(
    deployer: ServeDeployer, pack: Any, version: Any, place: Any
) -> None:
    files = pack("Model(1)")
    threads = [threading.Thread(target=lambda: deployer.deploy("churn", version(1), files, {})) for _ in range(2)]
    threads += [threading.Thread(target=deployer.delete, args=("churn",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    deployer.delete("churn")
    assert not place().folder.exists()
    assert not list(place().folder.parent.iterdir())


def test_a_deploy_that_is_killed_leaves_the_name_usable(
    deployer: ServeDeployer, pack: Any, version: Any, project: Path
) -> None:
    for pause in (0.2, 0.5, 0.7, 0.9):
        process = deploying(project, 1, pack("Model(1)"))
        time.sleep(pause)
        process.kill()
        process.communicate()
    made = deployer.deploy("churn", version(2), pack("Model(2)"), {})
    assert made.state == "ready"
    assert deployer.predict("churn", [["number"]]) == [2]
    assert until(lambda: len(servers(project)) == 1)


def test_a_deployment_outlives_the_terminal_and_its_interrupts(
    deployer: ServeDeployer, pack: Any, project: Path
) -> None:
    leader, follower = pty.openpty()
    process = deploying(project, 1, pack("Model(1)"), stdin=follower, start_new_session=True)
    output, _ = process.communicate(timeout=60)
    assert output.startswith("ready 1")
    os.write(leader, b"\x03")  # Ctrl-C
    os.close(follower)
    os.close(leader)  # the terminal is closed
    time.sleep(0.5)
    found = deployer.get("churn")
    assert found.state == "ready"
    assert os.getsid(found.metadata["process"]) == found.metadata["process"]
    assert deployer.predict("churn", [["number"]]) == [1]


def test_the_shell_of_a_deploy_gets_no_open_pipe(deployer: ServeDeployer, pack: Any, project: Path) -> None:
    # `zen model deploy | cat` ends: nothing of the server keeps what the deploy prints to.
    process = deploying(project, 1, pack("Model(1)"))
    output, _ = process.communicate(timeout=60)
    assert output.startswith("ready 1")


def test_replicas_predict_at_the_same_time(deployer: ServeDeployer, pack: Any, version: Any, tmp_path: Path) -> None:
    deployer.deploy("churn", version(1), pack("Model(1)"), {"replicas": 3, "request_timeout": 120})
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(deployer.predict, "churn", [["meet", str(tmp_path), 3]]) for _ in range(3)]
    assert [each.result() for each in asked] == [[3]] * 3


def hang(deployer: ServeDeployer, folder: Path) -> None:
    """Let the model hang, with every signal blocked that can be."""
    said = str(folder / "hangs")
    request = threading.Thread(
        target=lambda: suppressed(lambda: deployer.predict("churn", [["hang", said]])), daemon=True
    )
    request.start()
    assert until(lambda: Path(said).exists())


def suppressed(action: Callable[[], Any]) -> None:
    try:
        action()
    except (OSError, ComponentError):
        pass


def deploying(root: Path, number: int, files: Any, **options: Any) -> subprocess.Popen[str]:
    import json

    named = json.dumps({name: str(path) for name, path in files.items()})
    command = [sys.executable, "-c", DEPLOY, str(root), str(number), named]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


def processes() -> dict[int, tuple[int, str, list[str]]]:
    """Return the parent, the state and the command of each process."""
    done = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,state=,args="], capture_output=True, text=True, check=True
    )
    found = {}
    for line in done.stdout.splitlines():
        pid, parent, state, *command = line.split()
        found[int(pid)] = (int(parent), state, command)
    return found


def children(pid: int) -> list[int]:
    return [each for each, (parent, state, _) in processes().items() if parent == pid and state != "Z"]


def servers(project: Path) -> list[int]:
    folder = str(project.resolve() / ".zen" / "deployments" / "churn")
    return [
        each
        for each, (_, _, command) in processes().items()
        if "zen_plugin_serve.server" in command and folder in command
    ]


def lives(pid: int) -> bool:
    return processes().get(pid, (0, "Z", []))[1][0] != "Z"


def until(holds: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return False
