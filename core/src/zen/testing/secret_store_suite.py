"""The suite of secret stores; `zen.testing.stores` says which rows of the contract do not apply."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, ClassVar

from zen.errors import PermissionDenied, SecretNotFound
from zen.testing.auditing import ForbiddenIO, no_io
from zen.testing.checks import NotVerified, refusal, require
from zen.testing.suite import ComponentSuite

if TYPE_CHECKING:
    from zen.testing.kit import Kit

_VALUE = "zen-testing-4b3a2f1e"
_MISSING = "zen_testing_no_such_secret"


class SecretStoreSuite(ComponentSuite):
    """What holds for a secret store. The author writes `keep`.

    Attributes:
        ttl: For how many seconds the store may go on with an old value.
    """

    kind: ClassVar[str] = "secret_store"
    ttl: ClassVar[float] = 0.0

    def keep(self, kit: Kit, component: Any, name: str, value: str) -> str:
        """Put a secret into the service behind the store, or replace it, by the tool's own means; return its name."""
        raise AssertionError(
            "tried: a secret to ask for\n came: the suite does not say how to make one\n   do: write"
            f" `keep(self, kit, component, name, value)` in {type(self).__qualname__}: it puts the value into the"
            " service and returns the name that the store knows it by"
        )

    def forbidden(self, kit: Kit, component: Any) -> str:
        """Return the name of a secret that exists and may not be read."""
        give = self._wanted("forbidden(self, kit, component)")
        raise NotVerified("no secret that may not be read was tried", give=give)

    def use(self, component: Any) -> None:
        """List the names."""
        component.list()

    def test_values_come_back(self, kit: Kit) -> None:
        """A value comes back character for character: several lines, unicode, blanks around it."""
        for value in (_VALUE, "first\nsecond\n third ", "größe λ 🙂", " ${not:a} 'reference' \\ \"quoted\" "):
            name = self.keep(kit, kit.component, "zen_testing", value)
            self._wait()
            found = kit.component.get(name)
            require(
                found == value and isinstance(found, str),
                tried=f"get() of the value {value!r}",
                came=found,
                do="return the text as it was stored, without stripping or escaping",
            )

    def test_missing_secret_is_not_found(self, kit: Kit) -> None:
        """A name that nobody knows raises SecretNotFound, which names it."""
        tried = f"get({_MISSING!r})"
        do = "raise zen.errors.SecretNotFound(…, reference=name) with the name in the message"
        error = refusal(SecretNotFound, lambda: kit.component.get(_MISSING), tried=tried, do=do)
        require(_MISSING in str(error), tried=f"{tried}, its message", came=str(error), do=do)
        reference = getattr(error, "reference", None)
        require(reference == _MISSING, tried=f"{tried}, its attribute `reference`", came=reference, do=do)

    def test_rotated_value_is_seen(self, kit: Kit) -> None:
        """A value that was replaced is seen, after the store's time to live."""
        name = self.keep(kit, kit.component, "zen_testing", "before")
        kit.component.get(name)
        name = self.keep(kit, kit.component, "zen_testing", "after")
        self._wait()
        found = kit.component.get(name)
        require(
            found == "after",
            tried=f"get() {self.ttl:g} s after the value was replaced",
            came=found,
            do="ask the service again, or say with `ttl` in the suite for how long values are kept",
        )

    def test_list_gives_names_only(self, kit: Kit) -> None:
        """`list` gives sorted names, and no value."""
        self.keep(kit, kit.component, "zen_testing", _VALUE)
        names = kit.component.list()
        require(
            isinstance(names, list) and all(isinstance(name, str) for name in names) and names == sorted(names),
            tried="list()",
            came=f"a {type(names).__name__} that is not a sorted list of texts",
            do="return sorted(names); an empty list where the store cannot tell",
        )
        require(
            not any(_VALUE in name for name in names),
            tried="list(), after a secret was stored",
            came="the value is in it",
            do="return names, never values",
        )

    def test_forbidden_secret_is_not_missing(self, kit: Kit) -> None:
        """A secret that may not be read raises PermissionDenied: it is not the same as a missing one."""
        name = self.forbidden(kit, kit.component)
        refusal(
            PermissionDenied,
            lambda: kit.component.get(name),
            tried=f"get({name!r}), which may not be read",
            do="raise zen.errors.PermissionDenied from the service's own error",
        )

    def test_values_are_not_written_to_disk(self, kit: Kit) -> None:
        """Getting a secret writes no file."""
        name = self.keep(kit, kit.component, "zen_testing", _VALUE)
        component = kit.component
        with no_io(files_only=True) as attempts, contextlib.suppress(ForbiddenIO):
            component.get(name)
        require(not attempts, tried=f"get({name!r})", came="; ".join(attempts), do="keep values in memory only")

    def test_values_are_not_told(self, kit: Kit) -> None:
        """A value that was read is in no repr, no log, and no error of the store."""
        component = kit.component
        name = self.keep(kit, component, "zen_testing", _VALUE)
        component.get(name)
        error = _error(lambda: component.get(_MISSING))
        told = {
            "repr of the store": repr(component) + str(component),
            "the log": "\n".join(kit.host.messages),
            "the error for another name": f"{error!r} {error} {getattr(error, 'facts', '')}",
        }
        for where, text in told.items():
            require(
                _VALUE not in text,
                tried=f"get(), then {where}",
                came="the value is in it",
                do="keep values out of messages; name the reference only",
            )

    def _wait(self) -> None:
        if self.ttl:
            time.sleep(self.ttl)


def _error(action: Any) -> Exception | None:
    try:
        action()
    except Exception as error:  # noqa: BLE001  # what it says is looked at
        return error
    return None
