"""What alerters can get wrong, and the check that finds it."""

import html
from dataclasses import replace

from zen.errors import ComponentError
from zen.testing import AlerterSuite, MemoryAlerter


class Alerts(AlerterSuite):
    flavor = "memory"

    def received(self, kit, component):
        return [f"{alert.title}\n{alert.text}" for alert in component.sent]

    def answer(self, kit, component, yes):
        component.answers.append(yes)
        return True


class WithoutId(MemoryAlerter):
    def send(self, alert):
        super().send(alert)


class WithoutWarnings(MemoryAlerter):
    def send(self, alert):
        if alert.level == "warning":
            raise ComponentError("there are no warnings here")
        return super().send(alert)


class Escaping(MemoryAlerter):
    def send(self, alert):
        return super().send(replace(alert, text=html.escape(alert.text)))


class Cutting(MemoryAlerter):
    def send(self, alert):
        return super().send(replace(alert, text=alert.text[:4000]))


class AlwaysYes(MemoryAlerter):
    def ask(self, alert, *, timeout):
        return None if super().ask(alert, timeout=timeout) is None else True


class SilenceIsNo(MemoryAlerter):
    def ask(self, alert, *, timeout):
        return bool(super().ask(alert, timeout=timeout))


SABOTEURS = {
    Alerts: {
        "test_sending_returns_an_id": WithoutId,
        "test_every_level_is_sent": WithoutWarnings,
        "test_text_arrives_as_it_is": (Escaping, Cutting),
        "test_a_question_is_answered": AlwaysYes,
        "test_a_question_without_an_answer_ends": SilenceIsNo,
    }
}


def test_a_defect_fails_its_check_alone(trial, suite, check, saboteur):
    assert trial.failed(suite, saboteur) == [check]


def test_a_correct_alerter_passes(trial):
    assert trial.skipped(Alerts, MemoryAlerter) == {}


def test_every_check_has_a_saboteur(trial):
    assert set(SABOTEURS[Alerts]) == trial.own(Alerts)
