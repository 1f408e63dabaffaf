"""Checks of configurations: what a person writes into a stack file, and what is recorded of it."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import json
import pickle
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from zen.errors import ConfigError, ZenError
from zen.testing.checks import Checks, DoesNotApply, refusal, require

if TYPE_CHECKING:
    from zen.testing.kit import Kit

_MISSING: Any = object()
_WRONG: tuple[Any, ...] = ({"zen-testing": [[]]}, [[{}]], True, "zen-testing", -0.5)
_SECRETIVE = re.compile(r"(^|_)(password|passwd|passphrase|secret|token|api_?key|access_key|private_key)$")


class ConfigChecks(Checks):
    """Checks of a component's configuration class."""

    def test_fields_have_help(self, kit: Kit) -> None:
        """Each field of the configuration has a sentence of help."""
        helps = _helps(_config_class(kit))
        silent = [name for name in _fields(_config_class(kit)) if not helps.get(name, "").strip()]
        require(
            not silent,
            tried=f"the help of each field of {_config_class(kit).__qualname__}",
            came=f"none for: {', '.join(silent)}",
            do="describe it: Field(description=…) of pydantic, field(metadata={'help': …}), or 'Attributes:' in the"
            " docstring of the class",
        )

    def test_defaults_and_types_are_json(self, kit: Kit) -> None:
        """Each field has a type that zen can check and a default that JSON can hold."""
        for name, default in _fields(_config_class(kit)).items():
            if default is not _MISSING:
                _require_json(name, default)

    def test_unknown_fields_are_refused(self, kit: Kit) -> None:
        """A setting that does not exist is refused by its name."""
        _refused(kit, {"zen_no_such_setting": 1}, "zen_no_such_setting", "let the class refuse what it does not know")

    def test_wrong_types_are_refused(self, kit: Kit) -> None:
        """A value of the wrong type is refused by the name of its setting."""
        for name in _fields(_config_class(kit)):
            if _hint(_config_class(kit), name) in (Any, object):
                continue
            wrong = [value for value in _WRONG if not _accepts(kit, name, value)]
            require(
                wrong,
                tried=f"{name} set to each of: {', '.join(map(repr, _WRONG))}",
                came="all were accepted",
                do=f"give {name} a type that says what it takes",
            )
            _refused(kit, {name: wrong[0]}, name, f"let the error for a wrong {name} name it")

    def test_missing_fields_are_refused(self, kit: Kit) -> None:
        """A required setting that is left out is named."""
        needed = [name for name, default in _fields(_config_class(kit)).items() if default is _MISSING]
        if not needed:
            raise DoesNotApply("every setting has a default")
        for name in needed:
            _refused(kit, {name: _MISSING}, name, f"let the error for a missing {name} name it")

    def test_configuration_survives_recording(self, kit: Kit) -> None:
        """A configuration comes back equal from its JSON form, as it does in every worker, and from pickle."""
        from zen.stacks.config import build, dump

        cls, config = _config_class(kit), kit.build()
        try:
            data = json.loads(json.dumps(dump(config), allow_nan=False))
        except (TypeError, ValueError) as error:
            raise AssertionError(
                f"tried: dump {config!r} as JSON\n came: {error}\n   do: use fields that JSON can hold"
            ) from error
        again = build(cls, data)
        require(
            again == config and dump(again) == dump(config),
            tried=f"build {cls.__qualname__} from {data}, which is its own dump",
            came=f"{again!r} instead of {config!r}",
            do="let equal settings make equal configurations; a validator must accept what it returned",
        )
        require(
            pickle.loads(pickle.dumps(config)) == config,
            tried="pickle the configuration",
            came="another one came back",
            do="keep nothing but settings in it",
        )

    def test_secret_settings_take_references_only(self, kit: Kit) -> None:
        """A setting that is named like a secret has the type zen.secrets.Secret, so that no value is recorded."""
        cls = _config_class(kit)
        named = [name for name in _fields(cls) if _SECRETIVE.search(name)]
        plain = [name for name in named if "Secret" not in str(_hint(cls, name))]
        require(
            not plain,
            tried="the types of the settings that are named like secrets",
            came=", ".join(f"{name}: {_hint(cls, name)}" for name in plain),
            do="make it zen.secrets.Secret and reveal it with self.host.secrets.reveal where it is used",
        )

    def test_secrets_are_not_shown(self, kit: Kit) -> None:
        """The value of a secret is in no repr, dump, log or error."""
        names = [name for name in _fields(_config_class(kit)) if "Secret" in str(_hint(_config_class(kit), name))]
        if not names:
            raise DoesNotApply("its configuration has no secrets")
        kit.host.secrets.values["env/ZEN_TESTING"] = "zen-testing-9f8e7d6c"
        hidden = {name: kit.settings.get(name, "${secret:env/ZEN_TESTING}") for name in names}
        for told, text in list(_told(kit, hidden)):
            require(
                not any(each in text for each in kit.host.secrets.values.values()),
                tried=f"the value of {', '.join(names)} in {told}",
                came="it is there",
                do="keep the Secret, reveal it where it is used, and leave it out of messages",
            )


def _config_class(kit: Kit) -> type:
    if kit.config_class is None:
        raise DoesNotApply("it has no configuration")
    return kit.config_class


def _fields(cls: Any) -> dict[str, Any]:
    """Return the name, as a stack file has it, and the default of each field."""
    from pydantic_core import PydanticUndefined

    if hasattr(cls, "model_fields"):
        found = {
            field.alias or name: field.get_default(call_default_factory=True)
            for name, field in cls.model_fields.items()
        }
        return {name: _MISSING if default is PydanticUndefined else default for name, default in found.items()}
    return {field.name: _default(field) for field in dataclasses.fields(cls) if field.init}


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else _MISSING


def _hint(cls: Any, name: str) -> Any:
    if hasattr(cls, "model_fields"):
        return next(field.annotation for own, field in cls.model_fields.items() if name in (own, field.alias))
    from zen.stacks.fields import hints_of

    return hints_of(cls)[name]


def _helps(cls: Any) -> dict[str, str]:
    """Return the help of each field, from wherever authors write it."""
    text = inspect.getdoc(cls) or ""
    _, _, attributes = text.partition("Attributes:")
    found = dict(re.findall(r"^[ ]+(\w+)(?: \([^)]*\))?: (.+)$", attributes, re.MULTILINE))
    if hasattr(cls, "model_fields"):
        said = {field.alias or name: field.description for name, field in cls.model_fields.items()}
    else:
        said = {field.name: field.metadata.get("help") for field in dataclasses.fields(cls)}
    return found | {name: str(text) for name, text in said.items() if text}


def _require_json(name: str, default: Any) -> None:
    from zen.stacks.config import dump

    holder = dataclasses.make_dataclass("Holder", [("value", Any)])
    try:
        json.dumps(
            default.model_dump(mode="json") if hasattr(default, "model_dump") else dump(holder(default)),
            allow_nan=False,
        )
    except (TypeError, ValueError) as error:
        raise AssertionError(
            f"tried: the default of {name} as JSON\n came: {error}\n   do: give it a default of None, bool, int, float,"
            " str, Path, list, tuple, dict or a dataclass"
        ) from error


def _changed(kit: Kit, changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**kit.settings, **changes}
    return {name: value for name, value in merged.items() if value is not _MISSING}


def _accepts(kit: Kit, name: str, value: Any) -> bool:
    from zen.stacks.config import build

    try:
        build(kit.config_class, _changed(kit, {name: value}))
    except Exception:  # noqa: BLE001  # how it is refused is looked at afterwards
        return False
    return True


def _refused(kit: Kit, changes: Mapping[str, Any], name: str, do: str) -> None:
    """Require that the configuration with these changes is refused with an error that has the name in it."""
    from zen.stacks.config import build

    shown = "left out" if changes.get(name) is _MISSING else f"set to {changes[name]!r}"
    tried = f"a configuration with {name} {shown}"
    cls = _config_class(kit)
    error = refusal(ConfigError, lambda: build(cls, _changed(kit, changes)), tried=tried, do=do)
    require(name in str(error), tried=tried, came=str(error), do=do)


def _told(kit: Kit, hidden: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield everything that the component lets out while it is made, opened and checked."""
    from zen.stacks.config import dump

    config = kit.build(**hidden)
    yield "repr of the configuration", repr(config) + str(config)
    yield "the dump of the configuration", json.dumps(dump(config))
    component = kit.new(**hidden)
    try:
        component.open(kit.host)
        component.check()
    except Exception as error:  # noqa: BLE001  # a service may refuse the secret; what counts is what it says
        yield "an error", _whole(error)
    finally:
        yield "repr of the component", repr(component) + str(component)
        with contextlib.suppress(Exception):  # closing is a check of its own
            component.close()
    yield "the log", "\n".join(kit.host.messages)


def _whole(error: BaseException | None) -> str:
    """Return the text of an error with its facts and causes."""
    if error is None:
        return ""
    facts = repr(error.facts) if isinstance(error, ZenError) else ""
    return f"{error!r} {error} {facts}\n{_whole(error.__cause__ or error.__context__)}"
