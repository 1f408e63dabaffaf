"""The suite of alerters.

Rows of the field's usual list that are left out: a refused token and a rate limit are the service's own behavior, which
`unreachable` and the author's tests cover; there is no dry run in the interface; secrets in messages are zen's
business.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, ClassVar

from zen.records import Alert
from zen.testing.checks import NotVerified, require
from zen.testing.kit import Kit
from zen.testing.suite import ComponentSuite

_PLAIN = Alert(title="run 'training' failed", text="step 'train': boom", level="error", facts={"run": "1b9e0bd4"})
_ANSWER_SECONDS = 5.0


class AlerterSuite(ComponentSuite):
    """What holds for every alerter."""

    kind: ClassVar[str] = "alerter"

    def received(self, kit: Kit, component: Any) -> Sequence[str] | None:
        """Return the texts that arrived at the service, oldest first; None when that cannot be seen."""
        return None

    def answer(self, kit: Kit, component: Any, yes: bool) -> bool:
        """Prepare people's answer to the next question; return whether that can be done."""
        return False

    def use(self, component: Any) -> None:
        """Send an alert."""
        component.send(_PLAIN)

    def test_sending_returns_an_id(self, kit: Kit) -> None:
        """`send` returns the service's id of the alert, or an empty string."""
        answer = kit.component.send(_PLAIN)
        require(isinstance(answer, str), tried="send(alert)", came=answer, do="return the service's id, or ''")

    def test_every_level_is_sent(self, kit: Kit) -> None:
        """Alerts of each level are taken, with and without text, facts and url."""
        for level in ("info", "warning", "error"):
            alert = Alert(title=f"a {level}", level=level, url="https://example.org/run")
            self._send(kit, alert, f"an alert of level {level} without text")

    def test_text_arrives_as_it_is(self, kit: Kit) -> None:
        """Title and text arrive whole: other scripts, signs that look like markup, and 10,000 characters."""
        texts = ["größe 模型 ✓", "<b>a & b</b> *c* _d_ `e` [f](g)", "x" * 10_000]
        for text in texts:
            self._send(kit, Alert(title="text", text=text), f"a text of {len(text)} characters")
        arrived = self.received(kit, kit.component)
        if arrived is None:
            raise NotVerified("what arrives cannot be seen", give=self._wanted("received(self, kit, component)"))
        for text in texts:
            require(
                any(text in each for each in arrived),
                tried=f"send(Alert(text={text[:40]!r}…)) and read it back",
                came=[each[:60] for each in arrived],
                do="send the text as it is: escape what the service would take for markup, and split rather than cut",
            )

    def test_a_question_is_answered(self, kit: Kit) -> None:
        """Capability `ask`: the answer that people give is returned."""
        self._declares(kit, "ask")
        for yes in (True, False):
            if not self.answer(kit, kit.component, yes):
                raise NotVerified("nobody answers here", give=self._wanted("answer(self, kit, component, yes)"))
            given = kit.component.ask(Alert(title="deploy it?"), timeout=_ANSWER_SECONDS)
            require(
                given is yes, tried=f"ask(alert), answered with {yes}", came=given, do="return the answer as a bool"
            )

    def test_a_question_without_an_answer_ends(self, kit: Kit) -> None:
        """Capability `ask`: without an answer in time the answer is None."""
        self._declares(kit, "ask")
        start = time.monotonic()
        given = kit.component.ask(Alert(title="anybody?"), timeout=0.2)
        late = time.monotonic() - start > _ANSWER_SECONDS
        require(
            given is None and not late,
            tried="ask(alert, timeout=0.2) that nobody answers",
            came=f"{given!r} after {time.monotonic() - start:.1f} s",
            do="return None when the time is over",
        )

    def _send(self, kit: Kit, alert: Alert, what: str) -> None:
        try:
            kit.component.send(alert)
        except Exception as error:
            raise AssertionError(f"tried: send {what}\n came: {error!r}\n   do: take it") from error
