"""Alerters: what tells people."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from zen.interfaces.component import Component
from zen.records import Alert


class Alerter(Component):
    """Sends alerts to people.

    A stack's alerters are told of the ends of runs that its setting `alert_on` lists, and of what steps pass to
    `zen.alert`. An alerter that fails is reported with the run, and fails nothing.
    """

    kind: ClassVar[str] = "alerter"
    known_capabilities: ClassVar[Mapping[str, str]] = {"ask": "asks people a question and waits for their answer"}

    @abstractmethod
    def send(self, alert: Alert) -> str:
        """Send an alert and return the service's id of it, or an empty string.

        Called where something is told: in the process and the thread of a step, or, when a run ends, by the process
        that launched it; several threads may send at once, and none before `open` or after `close`. Nothing ends a
        call that hangs, and what told waits for it: give the tool a timeout of a few seconds.

        Raises:
            ComponentUnavailable: When the service cannot be reached, after the retries that it asks for.
            PermissionDenied: When it refuses the credentials.
        """

    def ask(self, alert: Alert, *, timeout: float) -> bool | None:
        """Capability `ask`: send a question and return the answer, or None after `timeout` seconds without one."""
        raise TypeError(f"{type(self).__qualname__} does not declare the capability 'ask'")
