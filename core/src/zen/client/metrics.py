"""What the metrics of a run are called, and which way they are better."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from zen.errors import UsageError, listing, nearest
from zen.storage.selection import Logged

_LESS = """
    loss losses error errors err rmse mse mae mape smape wape mase msle rmsle logloss bce nll entropy crossentropy
    perplexity ppl brier deviance residual residuals hinge pinball crps wer cer fid lpips eer ece fpr fnr far frr aic
    bic regret cost costs distance divergence time seconds secs duration latency delay elapsed ms misses failures failed
    violations
"""
_MORE = """
    accuracy acc precision recall sensitivity specificity f1 f2 fbeta fscore score auc auroc roc auprc ap map ndcg mrr
    r2 explained iou jaccard dice bleu rouge meteor chrf psnr ssim mcc kappa gini lift gain likelihood loglikelihood
    correlation corr pearson spearman kendall silhouette reward rewards return returns profit revenue throughput rps qps
    tpr tnr ppv npv similarity purity nmi ari sharpe success passed
"""
LOWER, HIGHER = frozenset(_LESS.split()), frozenset(_MORE.split())
"""Words after which less is better, and those after which more is."""
_WORDS = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+")
_NEGATED = frozenset({"neg", "negative", "minus"})


def named(logged: Iterable[Logged], *, apart: Iterable[str] = ()) -> dict[str, float]:
    """Return values by name: the key, or `step.key` where several steps logged one key, and for the keys `apart`."""
    by_key: dict[str, dict[str, float]] = {}
    for step, key, value in logged:
        by_key.setdefault(key, {})[step] = value
    alone = {key for key, values in by_key.items() if len(values) == 1} - set(apart)
    return {
        key if key in alone else f"{step}.{key}": value
        for key, values in by_key.items()
        for step, value in values.items()
    }


def found(name: str, logged: Iterable[Logged]) -> float | None:
    """Return the metric that a name means: as `named` calls it; with its step before it always."""
    entries = list(logged)
    values = {f"{step}.{key}": value for step, key, value in entries} | named(entries)
    return values.get(name)


def keys_of(name: str) -> list[str]:
    """Return the keys that a name can mean: `train.loss` is a key, or `loss` of the step `train`."""
    parts = name.split(".")
    return [".".join(parts[start:]) for start in range(len(parts))]


def guess(name: str) -> bool | None:
    """Return whether more is better, as the last word says that is known; None when none is."""
    words = [word.lower() for word in _WORDS.findall(name.rpartition(".")[2] or name)]
    for index in range(len(words) - 1, -1, -1):
        word = words[index] if words[index] in HIGHER else words[index].rstrip("0123456789")
        if word in LOWER or word in HIGHER:
            return (word in HIGHER) is not bool(_NEGATED.intersection(words[:index]))
    return None


def directions(names: Iterable[str], given: Mapping[str, bool]) -> dict[str, bool | None]:
    """Return for each metric whether more is better: as given under its name or its key, else a guess.

    Raises:
        UsageError: When no metric has a name that is given.
    """
    all_names = list(names)
    keys = {name: {name, name.rpartition(".")[2]} for name in all_names}
    for name in given:
        if not any(name in each for each in keys.values()):
            raise UsageError(
                f"no metric {name!r} in these runs; there are: {listing(all_names)}", hint=nearest(name, all_names)
            )
    return {name: given.get(name, given.get(name.rpartition(".")[2], guess(name))) for name in all_names}
