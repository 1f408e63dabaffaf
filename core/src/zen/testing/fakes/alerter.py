"""An alerter in memory."""

from __future__ import annotations

from typing import ClassVar

from zen.interfaces import Alerter, Host
from zen.records import Alert


class MemoryAlerter(Alerter):
    """Keeps what it was to send in `sent`, and answers questions with what `answers` holds, in order."""

    capabilities: ClassVar[frozenset[str]] = frozenset({"ask"})

    def open(self, host: Host) -> None:
        """Start with nothing sent."""
        super().open(host)
        self.sent: list[Alert] = []
        self.answers: list[bool] = []

    def send(self, alert: Alert) -> str:
        """Keep the alert; its number is its id."""
        self.sent.append(alert)
        return str(len(self.sent))

    def ask(self, alert: Alert, *, timeout: float) -> bool | None:
        """Keep the question, and return the next answer, or None when there is none."""
        self.sent.append(alert)
        return self.answers.pop(0) if self.answers else None
