"""Secrets are in no record, no log and no command line: canaries are leaked by every route, and their bytes searched for.

Canaries × routes (parameters, the environment, a stack's values, the password of a URL, the text of an exception, repr,
a local variable of a traceback, print, the stderr of a child process, the debug log of a plugin) × encodings (plain,
URL, base64 at three offsets, hex, JSON, split over two writes), in the launching process, in a worker, and on a step
operator. Then all that anybody could read is searched: every file of the state folder, what the tracker and the alerter
were given, what was shown, what `zen` answers, and the command lines of all processes.

What is let through on purpose stands in docs/adr/0010-redaction.md, and is looked for here as well.
"""

from __future__ import annotations

import base64
import json
import os
import random
import sqlite3
import stat
import string
import sys
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

FULL = os.environ.get("ZEN_FAULTS") == "full"
CANARIES = 20 if FULL else 4
FORMS = ("plain", "url", "base64+0", "base64+1", "base64+2", "hex", "json")
ODD = ("\"'\\+/=", "", "naïve-päss", "p@ss:w%rd?#&", " two words ", "\n", "<b>$HOME</b>", "; DROP", "\t|`~^", "{}")

LIGHT = """
from zen.plugins import Flavor, hookimpl

@hookimpl
def zen_flavors():
    names = {"experiment_tracker": "Book", "alerter": "Paper", "step_operator": "Elsewhere",
             "model_registry": "Shelf"}
    configs = {"Book": "canary_parts:Config", "Shelf": "canary_parts:ShelfConfig"}
    return [
        Flavor(kind=kind, name="canary", summary="Tells all it is given", config=configs.get(name, ""),
               implementation=f"canary_parts:{name}")
        for kind, name in names.items()
    ]

@hookimpl
def zen_step_finished(run, step_run):
    told("observer", run, step_run)
    raise RuntimeError(f"the observer saw {texts()}")

@hookimpl
def zen_run_started(run, plan):
    told("observer", run, plan)

@hookimpl
def zen_run_finished(run):
    told("observer", run)

def told(*facts):
    from canary_parts import tell
    tell(*facts)

def texts():
    from canary_parts import texts
    return " ".join(texts())
"""
PARTS = """
import base64, contextlib, json, logging, os, pathlib, traceback
from dataclasses import field, make_dataclass
from urllib.parse import quote
from zen.secrets import Secret
from zen.testing.fakes import MemoryAlerter, MemoryModelRegistry, MemoryTracker, SubprocessStepOperator
from zen.testing.fakes.experiment_tracker import MemoryStep

NAMES = os.environ["CANARY_NAMES"].split(",")
TOLD = pathlib.Path(os.environ["CANARY_TOLD"])
Config = make_dataclass("Config", [(f"secret_{n}", Secret) for n in range(len(NAMES) - 1)] + [("url", Secret)], frozen=True)
ShelfConfig = make_dataclass("ShelfConfig", [("token", Secret)], frozen=True)
Config.__module__ = ShelfConfig.__module__ = __name__

def tell(*facts):
    with open(TOLD / f"told-{os.getpid()}.txt", "a", encoding="utf-8") as file:
        file.write(" ".join(map(repr, facts)) + "\\n")

def values():
    return [os.environ.get(name) or pathlib.Path(os.environ[f"{name}_FILE"]).read_text().rstrip("\\n") for name in NAMES]

def forms(value):
    data = value.encode()
    yield from (value, quote(value, safe=""), data.hex(), json.dumps({"of": value}))
    for before in (b"", b"a", b"ab"):
        yield base64.b64encode(before + data + b"tail").decode()

def texts():
    return [text for value in values() for text in forms(value)]

class Step(MemoryStep):
    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if not name.startswith("log_"):
            return found
        return lambda *args, **kwargs: (tell(name, args, kwargs), found(*args, **kwargs))[1]

class Book(MemoryTracker):
    step_class = Step
    def open(self, host):
        super().open(host)
        self.values = [host.secrets.reveal(getattr(self.config, f"secret_{n}")) for n in range(len(NAMES) - 1)]
        self.url = host.secrets.reveal(self.config.url)
        logging.getLogger("canary.plugin").debug("connects to %s with %s", self.url, self.values)
        host.log.warning("connects to %s", self.url)
    def _folder(self, run_id): return TOLD / "book" / run_id
    def start_run(self, run, plan):
        tell("start", run, plan.to_json())
        return {**super().start_run(run, plan), "url": self.url, "stack values": [list(forms(v)) for v in self.values]}
    @contextlib.contextmanager
    def _step(self, reference, step_run):
        with super()._step(reference, step_run) as step:
            try:
                yield step
            except BaseException as error:
                tell("error", error, str(error), traceback.format_exc(), repr(error.__cause__))
                raise
        raise ConnectionError(f"cannot end at {self.url}")
    def finish_run(self, reference, run):
        tell("finish", run)
        raise ConnectionError(f"cannot reach {self.url} with {self.values}")

class Paper(MemoryAlerter):
    def send(self, alert):
        tell("alert", alert)
        raise OSError(f"no paper for {texts()}")

class Shelf(MemoryModelRegistry):
    pass  # nobody asks for it in these runs, nor for its secret

class Elsewhere(SubprocessStepOperator):
    def run(self, job):
        tell("command", job.command.argv, job.command.env)
        return super().run(job)
"""
FLOW = """
import logging, os, pathlib, re, subprocess, sys, traceback
from zen import alert, get_step_context, log_metadata, log_metrics, log_params, log_table, pipeline, save_artifact, step
from canary_parts import TOLD, forms, texts, values

logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
CHILD = "import sys; sys.stderr.write(sys.stdin.buffer.read().decode())"

class Connection:
    def __init__(self, password): self.password = password
    def __repr__(self): return f"Connection({self.password!r})"
    def use(self):
        password = local = self.password
        raise PermissionError(f"access denied for {password}")

def leak(text, count):
    log_params({f"p{count}": text, f"n{count}": {"of": [text, {text: (text, text.encode())}]}})
    log_metadata({f"m{count}": f"postgresql://zen:{text}@db/x", f"r{count}": repr(Connection(text))})
    log_metrics({text[:240]: 1.0})
    print(text)
    print(f"postgresql://zen:{text}@db/x", file=sys.stderr)
    logging.getLogger("some.library").debug("%s uses %r", Connection(text), {"password": text})
    try:
        Connection(text).use()
    except PermissionError as error:
        logging.getLogger("some.library").exception("could not connect")
        print("".join(traceback.TracebackException.from_exception(error, capture_locals=True).format()))
    alert(f"title {text}", text, fact=text)

def split(value):
    for cut in {1, len(value) // 2, len(value) - 1}:
        for stream in (sys.stdout, sys.stderr):
            stream.write("> " + value[:cut])
            stream.flush()
            stream.write(value[cut:] + " <\\n")

def leak_all():
    for count, text in enumerate(texts()):
        leak(text, count)
    for value in values():
        split(value)
    print(os.environ)
    child = subprocess.run([sys.executable, "-c", CHILD], input="\\n".join(texts()).encode(), stderr=subprocess.PIPE)
    print(child.stderr.decode())
    pid = os.getpid()
    while pid > 1:
        (TOLD / f"cmdline-{pid}").write_bytes(pathlib.Path(f"/proc/{pid}/cmdline").read_bytes())
        pid = int(re.search(r"PPid:\\s+(\\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])
    get_step_context().log.warning("uses %s", texts())

def fail():
    try:
        raise KeyError(*texts())
    except KeyError as error:
        error.add_note(f"noted {texts()}")
        raise RuntimeError("\\n".join(texts())) from error

@step(enable_cache=False)
def here() -> int:
    leak_all()
    return 1

@step(isolate=True, enable_cache=False)
def worker() -> int:
    leak_all()
    return 1

@step(step_operator="canary", enable_cache=False)
def elsewhere() -> int:
    leak_all()
    return 1

def hook(error): raise ValueError(f"the hook saw {error} {texts()}")

@step(on_failure=hook)
def fails_here() -> int: fail()

@step(isolate=True, on_failure=hook)
def fails_in_a_worker() -> int: fail()

@step
def leaks_and_fails() -> int:
    leak_all()
    fail()

@step
def lets_through() -> list[str]:
    for value in values():
        print("reversed", value[::-1])
    sys.stderr.flush()
    subprocess.run([sys.executable, "-c", CHILD], input=("inherited " + values()[0]).encode())
    return values()

@pipeline
def leaks(): here(), worker(), elsewhere(), fails_here(), fails_in_a_worker()

@pipeline
def alone(): leaks_and_fails()

@pipeline
def lets(): lets_through()

@step
def takes(value: object) -> int: return 1

@pipeline
def given(value: object): takes(1)

@pipeline
def literal(): takes({"deep": [texts()[int(os.environ["CANARY_FORM"])]]})

@pipeline(tags=["x"])
def simple(): takes(1)

if __name__ == "__main__":
    eval(sys.argv[1], globals())
"""


def canary(number: int) -> str:
    """Return a secret that stands nowhere by chance; each has something that encodings treat in its own way."""
    letters = random.Random(number).choices(string.ascii_letters + string.digits, k=24)
    if number % 10 == 3:
        return "".join(random.Random(number).choices("0123456789abcdef", k=32))
    return f"{''.join(letters[:12])}{ODD[number % len(ODD)]}{''.join(letters[12:])}"


def needles(secret: str) -> set[bytes]:
    """Return what stands for a secret in bytes, found by other means than those that mask it."""
    data = secret.encode()
    texts = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), data.hex(), data.hex().upper()}
    for _ in range(2):
        texts |= {json.dumps(text, ensure_ascii=only)[1:-1] for text in texts for only in (True, False)}
        texts |= {repr(text)[1:-1] for text in texts}
    for offset in range(3):
        # The characters of base64 that do not depend on what stands before and after it.
        low, high = (base64.b64encode(fill * offset + data + fill * 3) for fill in (b"\0", b"\xff"))
        same = "".join(chr(one) if one == other else " " for one, other in zip(low, high, strict=True))
        core = max(same.split(), key=len)
        texts |= {core, core.replace("+", "-").replace("/", "_")}
    return {text.encode() for text in texts}


def hits(secrets: list[str], places: dict[str, bytes]) -> list[str]:
    """Return which secret was found where."""
    return [
        f"canary {number} in {name}: …{data[max(0, at - 60) : at]!r}"
        for number, secret in enumerate(secrets)
        for needle in needles(secret)
        for name, data in places.items()
        if (at := data.find(needle)) >= 0
    ]


def files(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Cage:
    """A project on a stack whose components tell all, and the canaries that they know."""

    def __init__(self, folder: Path, run, zen, site) -> None:
        self.project, self.told = folder / "project", folder / "told"
        self._run, self._zen, self._site = run, zen, site.path
        self.secrets = [canary(number) for number in range(CANARIES)]
        names = [f"CANARY_{number}" for number in range(CANARIES)]
        for place in (self.project, self.told):
            place.mkdir()
        self.variables = {"CANARY_NAMES": ",".join(names), "CANARY_TOLD": str(self.told)}
        references = []
        for number, (name, value) in enumerate(zip(names, self.secrets, strict=True)):
            if number % 4 == 2:  # from a file, and not known to the environment
                file = folder / f"{name}.txt"
                file.write_text(value + "\n")
                self.variables[f"{name}_FILE"] = str(file)
                references.append(f"file/{file}")
            else:
                self.variables[name] = value
                references.append(f"env/{name}")
        fields = {f"secret_{number}": f"${{secret:{reference}}}" for number, reference in enumerate(references[:-1])}
        tracker = {"flavor": "canary", **fields, "url": f"postgresql://zen:${{secret:{references[0]}}}@db/x"}
        stack = {"experiment_tracker": tracker, "alerter": "canary", "step_operator": "canary"}
        stack["model_registry"] = {"flavor": "canary", "token": f"${{secret:{references[-1]}}}"}
        text = json.dumps({"default_stack": "told", "stacks": {"told": stack}})
        (self.project / "zen.yaml").write_text(text)
        (self.project / "flow.py").write_text(FLOW)

    @property
    def state(self) -> Path:
        return self.project / ".zen"

    def flow(self, call: str, code: int = 0, **more: str):
        """Run a pipeline of the project in a process of its own, which knows the canaries."""
        variables = {**self.variables, **more, "PYTHONPATH": str(self._site)}
        return self._run(sys.executable, "flow.py", call, cwd=self.project, code=code, **variables)

    def answers(self, *command: str, knowing: bool = False) -> bytes:
        """Return what a command answers that does not know the canaries, or one that does."""
        known = {
            name: value for name, value in self.variables.items() if knowing or name in ("CANARY_NAMES", "CANARY_TOLD")
        }
        done = self._zen(*command, cwd=self.project, **known, PYTHONPATH=str(self._site))
        return (done.stdout + done.stderr).encode()


@pytest.fixture
def cage(tmp_path, run, zen, new_site):
    site = new_site(tmp_path / "site")
    entries = {"zen.plugins.v1": {"canary": "canary_light"}}
    site.install("zen-plugin-canary", entries=entries, modules={"canary_light": LIGHT, "canary_parts": PARTS})
    return Cage(tmp_path, run, zen, site)


def test_canaries_are_found_nowhere(cage, record_property):
    alone = cage.flow("alone()", code=1)  # in the launching process, whose traceback a person sees
    shown = cage.flow("leaks()", code=1)
    places = {
        **files(cage.state),
        **{f"told/{name}": data for name, data in files(cage.told).items()},
        "stdout": shown.stdout.encode(),
        "stderr": shown.stderr.encode(),
        "stdout of the launching process": alone.stdout.encode(),
        "stderr of the launching process": alone.stderr.encode(),
    }
    commands = (
        *(
            "show last",
            "show last --json",
            "logs last",
            "logs last --json",
            "runs",
            "runs --json",
            "artifact list --json",
        ),
    )
    places.update({f"zen {command}": cage.answers(*command.split()) for command in commands})
    places["zen doctor"] = cage.answers("--debug", "doctor", "--json", knowing=True)
    assert hits(cage.secrets, places) == []
    # Every place was reached: what was leaked stands there, masked.
    mask = b"***env/CANARY_0***"
    assert "KeyError" in alone.stderr
    assert "RuntimeError" in alone.stderr
    for name in (
        "stdout",
        "stderr",
        "stdout of the launching process",
        "stderr of the launching process",
        "zen show last",
        "zen logs last",
        "zen runs --json",
    ):
        assert mask in places[name], name
    told = b"".join(data for name, data in places.items() if name.startswith("told/"))
    for what in (b"alert", b"log_params", b"log_metadata", b"error", b"observer", b"finish"):
        assert any(mask in line for line in told.splitlines() if line.startswith(b"'" + what)), what
    record_property("canaries", CANARIES)
    record_property("leaks", shown.stdout.count("***") + shown.stderr.count("***"))
    record_property("places", len(places))
    record_property("bytes", sum(map(len, places.values())))
    record_property("hits", 0)


def test_what_is_let_through_is_what_the_decision_names(cage):
    shown = cage.flow("lets()")
    database = sqlite3.connect(cage.state / "metadata.db")
    objects = [bytes(row[0]) for row in database.execute("SELECT data FROM object")]
    database.close()
    # 1. What a step returns is what it returns.
    assert any(
        json.dumps(cage.secrets[1])[1:-1].encode() in data or cage.secrets[1].encode() in data for data in objects
    )
    # 2. Text that the step transforms itself.
    assert cage.secrets[0][::-1].encode() in cage.answers("logs", "last")
    # 3. What a child process writes to the terminal that it has inherited: zen does not see it, so no record has it.
    assert f"inherited {cage.secrets[0]}" in shown.stderr
    kept = {
        name: data.replace(b"".join(objects), b"") for name, data in files(cage.state).items() if "metadata" not in name
    }
    assert hits(cage.secrets[:1], {**kept, "logs": cage.answers("logs", "last"), "stdout": shown.stdout.encode()}) == []


@pytest.mark.parametrize("form", range(len(FORMS)), ids=FORMS)
def test_a_literal_that_holds_a_secret_is_refused(cage, form):
    if form and not FULL and form != 4:
        pytest.skip("ZEN_FAULTS=full tries every encoding")
    told = cage.flow("literal()", code=1, CANARY_FORM=str(form)).stderr
    assert "argument 'value' of step 'takes' holds the value of the secret 'env/CANARY_0' (not shown)" in told
    assert "os.environ['CANARY_0']" in told
    assert hits(cage.secrets, {"stderr": told.encode(), **files(cage.state)}) == []


@pytest.mark.parametrize(
    ("call", "place"),
    [
        ("given('mine: ' + values()[0])", "parameter 'value' of pipeline 'given'"),
        ("simple.with_options(tags=[values()[0]])()", "a tag of pipeline 'simple'"),
    ],
)
def test_a_parameter_or_tag_that_holds_a_secret_is_refused(cage, call, place):
    told = cage.flow(call, code=1).stderr
    assert f"{place} holds the value of the secret 'env/CANARY_0' (not shown)" in told
    assert hits(cage.secrets, {"stderr": told.encode(), **files(cage.state)}) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes of files")
def test_nobody_else_may_read_the_state(cage):
    before = os.umask(0)
    try:
        cage.flow("leaks()", code=1)
        (cage.project / "flow.py").write_text(
            FLOW.replace("lets_through() -> list[str]", "lets_through() -> bytes").replace(
                "    return values()\n", "    return bytes(1_000_000)\n"
            )
        )
        cage.flow("lets()")
        cage.flow("__import__('zen').Client().run('last').steps['lets_through'].output.load()")
        cage.answers("doctor", knowing=True)
    finally:
        os.umask(before)
    modes = {str(path): path.lstat().st_mode for path in (cage.state, *cage.state.rglob("*"))}
    assert any("objects/sha256" in path for path in modes)
    open_to_others = {path: stat.filemode(mode) for path, mode in modes.items() if mode & 0o077}
    assert open_to_others == {}
