"""What metrics are called, and which way they are better."""

from __future__ import annotations

import pytest

from zen.client.metrics import directions, found, guess, keys_of, named
from zen.errors import UsageError
from zen.storage.selection import Logged


@pytest.mark.parametrize(
    "name",
    "loss val_loss valLoss train.loss rmse RMSE test/mae error_rate log_loss accuracy_loss latency_ms"
    " wer perplexity mean_absolute_error loss1 duration".split(),
)
def test_less_of_these_is_better(name) -> None:
    assert guess(name) is False


@pytest.mark.parametrize(
    "name",
    "accuracy val_acc f1 F1 f1_macro r2 explained_variance neg_mean_squared_error mAP top5_accuracy accuracy@5 auc"
    " train.accuracy roc_auc log_likelihood".split(),
)
def test_more_of_these_is_better(name) -> None:
    assert guess(name) is True


@pytest.mark.parametrize("name", ["rows", "learning_rate", "epoch", "x", "", "lossy", "…"])
def test_of_these_nobody_knows(name) -> None:
    assert guess(name) is None


def test_what_is_given_goes_before_the_guess() -> None:
    names = ["train.loss", "test.loss", "gain"]
    assert directions(names, {"loss": True, "test.loss": False}) == {
        "train.loss": True,
        "test.loss": False,
        "gain": True,
    }
    with pytest.raises(
        UsageError, match="no metric 'gian' in these runs; there are: gain, test.loss, train.loss"
    ) as caught:
        directions(names, {"gian": True})
    assert caught.value.hint == "did you mean 'gain'?"


def test_keys_that_several_steps_logged_bear_the_step() -> None:
    logged = [Logged("train", "loss", 1.0), Logged("test", "loss", 2.0), Logged("test", "f1", 3.0)]
    assert named(logged) == {"train.loss": 1.0, "test.loss": 2.0, "f1": 3.0}
    assert named(logged, apart=["f1"])["test.f1"] == 3.0
    assert [found(name, logged) for name in ("loss", "train.loss", "f1", "test.f1", "x")] == [None, 1.0, 3.0, 3.0, None]
    assert keys_of("a.b.c") == ["a.b.c", "b.c", "c"]
