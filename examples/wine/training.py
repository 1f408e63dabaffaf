"""Train classifiers of different depths on the wine data, and keep the best one."""

from typing import Annotated

import pandas as pd
from sklearn.datasets import load_wine
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

from zen import log_metrics, log_params, pipeline, step

Model = GradientBoostingClassifier


@step
def load(
    test_share: float = 0.3, seed: int = 0
) -> tuple[Annotated[pd.DataFrame, "wine_train"], Annotated[pd.DataFrame, "wine_test"]]:
    """178 wines from three growers, 13 measurements of each; `target` is the grower."""
    frame = load_wine(as_frame=True).frame
    train, test = train_test_split(frame, test_size=test_share, random_state=seed, stratify=frame["target"])
    return train, test


@step
def train(data: pd.DataFrame, depth: int, trees: int = 40) -> Model:
    """Fit one classifier, and log how its loss falls with each tree."""
    log_params({"depth": depth, "trees": trees})
    model = GradientBoostingClassifier(max_depth=depth, n_estimators=trees, random_state=0)
    model.fit(data.drop(columns="target"), data["target"])
    for index, loss in enumerate(model.train_score_):
        log_metrics({"train_loss": float(loss)}, step=index)
    return model


@step
def choose(models: list[Model], test: pd.DataFrame) -> Annotated[Model, "wine_model"]:
    """Keep the classifier that is right most often; the smallest one among equals."""
    features, target = test.drop(columns="target"), test["target"]
    scores = [float(accuracy_score(target, model.predict(features))) for model in models]
    best = scores.index(max(scores))
    log_metrics({"accuracy": scores[best]})
    log_params({"best_depth": models[best].max_depth})
    print(f"accuracy by depth: {', '.join(f'{m.max_depth}: {s:.3f}' for m, s in zip(models, scores, strict=True))}")
    return models[best]


@pipeline
def training(trees: int = 40, seed: int = 0):
    """Load, train for three depths, choose."""
    train_set, test_set = load(seed=seed)
    models = [train(train_set, depth=depth, trees=trees) for depth in (1, 2, 3)]
    return choose(models, test_set)


if __name__ == "__main__":
    training()
