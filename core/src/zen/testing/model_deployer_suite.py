"""The suite of model deployers; `zen.testing.models` says which rows of the usual list do not apply."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from zen.errors import ComponentUnavailable
from zen.records import Deployment, ModelVersion
from zen.testing.checks import NotVerified, refusal, require
from zen.testing.suite import ComponentSuite
from zen.testing.waiting import where, within

if TYPE_CHECKING:
    from zen.testing.kit import Kit


class ModelDeployerSuite(ComponentSuite):
    """What holds for every model deployer. The author writes `model`, and `broken` where there can be one.

    Attributes:
        seconds: How long it may take until a deployment is ready or has failed.
        settings: What deployments are given.
    """

    kind: ClassVar[str] = "model_deployer"
    seconds: ClassVar[float] = 120.0
    settings: ClassVar[Mapping[str, Any]] = {}

    def model(self, kit: Kit) -> tuple[Mapping[str, Path], Any, Any]:
        """Return the files of a model, plain data to predict, and what the model answers to it in this process."""
        raise AssertionError(
            "tried: a model to deploy\n came: the suite does not say how to make one\n   do: write"
            f" `model(self, kit)` in {type(self).__qualname__}: it returns (files, data, expected)"
        )

    def broken(self, kit: Kit) -> Mapping[str, Path]:
        """Return the files of a model that cannot be served."""
        raise NotVerified("no bad model was tried", give=self._wanted("broken(self, kit)"))

    def same(self, answer: Any, expected: Any) -> bool:
        """Say whether an answer is the expected one; by default whether they are equal."""
        return bool(answer == expected)

    def replicas(self, kit: Kit, component: Any, name: str) -> int | None:
        """Return how many replicas serve a deployment, by the tool's own means; None when that cannot be seen."""
        return None

    def remains(self, kit: Kit, component: Any, name: str) -> Sequence[str]:
        """Return what is left of a deployment; by default the files and folders of its name in the kit's folder."""
        return [str(path) for path in kit.tmp_path.rglob(f"*{name}*")]

    def use(self, component: Any) -> None:
        """List the deployments."""
        component.list()

    def test_a_deployment_becomes_ready(self, kit: Kit) -> None:
        """`deploy` returns in time, with a deployment that is `ready`, knows its model and has a URL."""
        with self._lent(kit) as (kit, made):
            told = (made.model, made.version, made.state, bool(made.url))
            require(
                told == ("zen-testing", 1, "ready", True),
                tried="deploy(name, version 1 of the model 'zen-testing', files, settings)",
                came=made,
                do="return when it answers, with name, model, version, state and url",
            )

    def test_a_deployment_is_found_by_its_name(self, kit: Kit) -> None:
        """`get` returns a deployment as it is now, and None for a name that nobody deployed to."""
        with self._lent(kit) as (kit, made):
            found = kit.component.get(made.name)
            told = (found.name, found.model, found.version, found.state, found.url) if found else None
            require(
                told == (made.name, made.model, made.version, made.state, made.url),
                tried="get(name) after deploy",
                came=found,
                do=f"return {made}",
            )
        found = kit.component.get(_name())
        require(found is None, tried="get() of a name that nobody deployed to", came=found, do="return None")

    def test_predictions_are_those_of_the_model(self, kit: Kit) -> None:
        """`predict` answers what the model answers in this process."""
        with self._lent(kit) as (kit, made):
            _, data, expected = self.model(kit)
            answer = kit.component.predict(made.name, data)
            require(
                self.same(answer, expected), tried=f"predict(name, {data!r})", came=answer, do=f"return {expected!r}"
            )

    def test_what_is_not_deployed_does_not_predict(self, kit: Kit) -> None:
        """Predicting with a name that nobody deployed to raises ComponentUnavailable."""
        self._refused(kit, _name(), "predict with a name that nobody deployed to")

    def test_a_bad_model_fails_with_a_reason(self, kit: Kit) -> None:
        """A model that cannot be served is told as `failed`, with the reason, in time, by `deploy` and `get`."""
        with self._deployed(kit, files=self.broken(kit)) as made:
            found = kit.component.get(made.name)
            require(
                made.state == "failed" and made.reason.strip() and found is not None and found.state == "failed",
                tried="deploy a model that cannot be served, then get(name)",
                came=f"{made}, then {found}",
                do="return a Deployment with state='failed' and the reason from its log; do not wait for ever",
            )

    def test_a_bad_model_leaves_the_old_one_serving(self, kit: Kit) -> None:
        """A bad model that is deployed to a name that serves is told as `failed`, and the old version goes on."""
        broken = self.broken(kit)
        _, data, _ = self.model(kit)
        with self._deployed(kit) as made:
            before = kit.component.predict(made.name, data)
            again = self._deploy(kit, made.name, version=2, files=broken)
            found = kit.component.get(made.name)
            told = (found.version, found.state) if found else None
            answer = kit.component.predict(made.name, data) if told == (1, "ready") else None
            require(
                told == (1, "ready") and self.same(answer, before),
                tried="deploy version 1, then a model that cannot be served to the same name; get(name); predict",
                came=f"{again}, then {found}, then {answer!r}",
                do="try the new one beside the old one; return the failure, and let the old one serve",
            )

    def test_deployments_are_listed(self, kit: Kit) -> None:
        """`list` returns the deployments, each once, sorted by name."""
        with self._lent(kit) as (kit, one), self._deployed(kit) as two:
            names = [each.name for each in kit.component.list()]
            require(
                names == sorted(set(names)) and {one.name, two.name} <= set(names),
                tried=f"list(), after deploying {one.name} and {two.name}",
                came=names,
                do="return them sorted by name",
            )

    def test_logs_are_text(self, kit: Kit) -> None:
        """`logs` returns what a deployment printed, as text."""
        with self._lent(kit) as (kit, made):
            found = kit.component.logs(made.name)
            require(isinstance(found, str), tried="logs(name)", came=found, do="return a text")

    def test_a_stopped_deployment_does_not_serve(self, kit: Kit) -> None:
        """After `stop` the state is `stopped`, it is still listed, and predicting raises ComponentUnavailable."""
        with self._deployed(kit) as made:
            kit.component.stop(made.name)
            found = kit.component.get(made.name)
            require(
                found is not None and found.state == "stopped",
                tried="get(name) after stop(name)",
                came=found,
                do="keep the deployment, with state='stopped'",
            )
            self._refused(kit, made.name, "predict after stop(name)")

    def test_a_stopped_deployment_is_deployed_again(self, kit: Kit) -> None:
        """A deployment that was stopped can be deployed again, and serves."""
        _, data, _ = self.model(kit)
        with self._deployed(kit) as made:
            before = kit.component.predict(made.name, data)
            kit.component.stop(made.name)
            again = self._deploy(kit, made.name)
            answer = kit.component.predict(made.name, data) if again.state == "ready" else again.reason
            require(
                again.state == "ready" and self.same(answer, before),
                tried="deploy(name, …) after stop(name), then predict",
                came=f"{again}, then {answer!r}",
                do="start it again",
            )

    def test_deploying_again_serves_the_new_version(self, kit: Kit) -> None:
        """Deploying another version to a name replaces the one that serves there."""
        with self._deployed(kit) as made:
            again = self._deploy(kit, made.name, version=2)
            found = kit.component.get(made.name)
            listed = [each.name for each in kit.component.list()].count(made.name)
            require(
                again.version == 2 and found is not None and found.version == 2 and listed == 1,
                tried="deploy version 1, then version 2 to the same name",
                came=f"{again}, then {found}, listed {listed} times",
                do="swap the model; one deployment has one name",
            )

    def test_nothing_is_left_after_delete(self, kit: Kit) -> None:
        """After `delete` the deployment is neither found nor listed, does not serve, and nothing of it is left."""
        with self._deployed(kit) as made:
            component = kit.component
            component.delete(made.name)
            found = [component.get(made.name), *(each for each in component.list() if each.name == made.name)]
            left = self.remains(kit, component, made.name)
            require(
                found == [None] and not left,
                tried="delete(name), then get(name), list() and what remains",
                came=f"{found}, {left}",
                do="stop it, and remove all that was made for it",
            )
            self._refused(kit, made.name, "predict after delete(name)")

    def test_deleting_again_is_harmless(self, kit: Kit) -> None:
        """Deleting what is not there does nothing."""
        with self._deployed(kit) as made:
            kit.component.delete(made.name)
            for name in (made.name, _name()):
                try:
                    kit.component.delete(name)
                except Exception as error:
                    raise AssertionError(
                        f"tried: delete({name!r}), which is not there\n came: {error!r}\n   do: do nothing"
                    ) from error

    def test_it_is_found_in_a_fresh_process(self, kit: Kit) -> None:
        """A deployment outlives the component that made it: a new process finds it by its name, and it serves."""
        with self._lent(kit) as (kit, made):
            _, data, _ = self.model(kit)
            before = kit.component.predict(made.name, data)
            kit.component.close()
            try:
                state, answer = kit.fresh_process(_asked, made.name, data, timeout=self.seconds)
            finally:
                kit.component.open(kit.host)
            require(
                state == made.state and self.same(answer, before),
                tried="close(), then get(name) and predict(name, data) in a new process",
                came=f"{state}, {answer!r}",
                do="let it run on its own, and find it by its name",
            )

    def test_swapping_loses_no_request(self, kit: Kit) -> None:
        """Capability `swap`: while another version is deployed to a name, each request is answered."""
        self._declares(kit, "swap")
        _, data, _ = self.model(kit)
        with self._deployed(kit) as made:
            component = kit.component
            before = component.predict(made.name, data)
            load = _Load(component, made.name, data)
            with load:
                for version in (2, 3, 4):
                    self._deploy(kit, made.name, version=version)
            lost = [answer for answer in load.answers if not self.same(answer, before)]
            require(
                not load.errors and not lost and load.answers,
                tried="deploy three more versions to a name while requests come",
                came=f"{len(load.answers)} answers, {len(lost)} of them others: {lost[:1]}; errors: {load.errors[:1]}",
                do="start the new one, let requests go to it once it answers, then end the old one",
            )

    def test_replicas_are_as_set(self, kit: Kit) -> None:
        """Capability `scale`: `settings['replicas']` says how many replicas serve."""
        self._declares(kit, "scale")
        with self._deployed(kit, replicas=2) as made:
            found = self.replicas(kit, kit.component, made.name)
            if found is None:
                give = self._wanted("replicas(self, kit, component, name)")
                raise NotVerified("how many serve cannot be seen", give=give)
            require(found == 2, tried="deploy with settings['replicas'] = 2", came=found, do="start as many")

    def _deploy(
        self, kit: Kit, name: str, *, version: int = 1, files: Mapping[str, Path] | None = None, **settings: Any
    ) -> Deployment:
        given = self.model(kit)[0] if files is None else files
        model = ModelVersion(model="zen-testing", version=version)
        component, made = kit.component, []
        ended, error = within(
            self.seconds, lambda: made.append(component.deploy(name, model, given, {**self.settings, **settings}))
        )
        do = "return the Deployment when it is ready or failed"
        require(ended, tried="deploy(…)", came=f"it did not return in {self.seconds:g} s", do=do)
        if error is not None:
            raise AssertionError(f"tried: deploy(…)\n came: {where(error)}\n   do: {do}") from error
        [answer] = made
        assert isinstance(answer, Deployment), f"deploy returned {answer!r}: return a Deployment"
        return answer

    @contextlib.contextmanager
    def _deployed(self, kit: Kit, **facts: Any) -> Iterator[Deployment]:
        name = _name()
        try:
            yield self._deploy(kit, name, **facts)
        finally:
            # Whether deleting works is a check of its own; here it must not hide what the other checks found.
            with contextlib.suppress(Exception):
                kit.component.delete(name)

    def _lent(self, kit: Kit) -> contextlib.AbstractContextManager[tuple[Kit, Deployment]]:
        """Lend a deployment that is only looked at, with the kit that made it."""
        return kit.lend("deployment", lambda kit, stack: (kit, stack.enter_context(self._deployed(kit))))

    def _refused(self, kit: Kit, name: str, tried: str) -> None:
        _, data, _ = self.model(kit)
        do = "raise zen.errors.ComponentUnavailable"
        refusal(ComponentUnavailable, lambda: kit.component.predict(name, data), tried=tried, do=do)


class _Load:
    """Requests, one after the other, for as long as the context is open."""

    def __init__(self, component: Any, name: str, data: Any) -> None:
        self.answers: list[Any] = []
        self.errors: list[BaseException] = []
        self._ask: Callable[[], Any] = lambda: component.predict(name, data)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        time.sleep(0.05)
        self._over.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self.answers.append(self._ask())
            except Exception as error:  # noqa: BLE001  # whatever it is, the request was lost
                self.errors.append(error)


def _name() -> str:
    return f"zen-testing-{uuid.uuid4().hex[:12]}"


def _asked(component: Any, name: str, data: Any) -> list[Any]:
    found = component.get(name)
    return [found.state if found else None, component.predict(name, data)]
