"""The console alerter: alerts on the terminal, as they are."""

from __future__ import annotations

import sys

from zen.interfaces import Alerter
from zen.records import Alert


class ConsoleAlerter(Alerter):
    """Writes alerts to stderr."""

    def send(self, alert: Alert) -> str:
        """Write the alert, a line for its title and one for each fact."""
        lines = [f"[{alert.level}] {alert.title}", *alert.text.splitlines()]
        lines += [f"  {name}: {value}" for name, value in alert.facts.items()]
        print("\n".join([*lines, *([alert.url] if alert.url else [])]), file=sys.stderr)
        return ""
