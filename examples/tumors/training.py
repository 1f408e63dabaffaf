"""From checked data to an endpoint: validate, train, judge, register; `zen model deploy` does the rest."""

from typing import Annotated

import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from zen import Model, expect, log_metrics, log_model, log_params, log_table, pipeline, promote, step, validate

FEATURES = ["mean radius", "mean texture", "mean smoothness", "mean concavity", "worst area"]
SOUND = [
    expect.columns(*FEATURES, "benign"),
    *(expect.not_null(name) for name in FEATURES),
    *(expect.in_range(name, low=0) for name in FEATURES),
    expect.in_set("benign", [0, 1]),
    expect.row_count(least=100),
]


@step(expect={"tumors": SOUND})
def load() -> Annotated[pd.DataFrame, "tumors"]:
    """569 tumors; the output is checked before anything uses it."""
    frame = load_breast_cancer(as_frame=True).frame.rename(columns={"target": "benign"})
    return frame[[*FEATURES, "benign"]]


@step
def split(
    tumors: pd.DataFrame, seed: int
) -> tuple[Annotated[pd.DataFrame, "tumors_train"], Annotated[pd.DataFrame, "tumors_test"]]:
    """Part the table, and see that both parts are alike."""
    train, test = train_test_split(tumors, test_size=0.3, random_state=seed, stratify=tumors["benign"])
    alike = [expect.no_drift(name, train, most=0.5) for name in FEATURES]
    validate(test, alike, name="split", on_failure="warn")
    return train, test


@step
def train(data: pd.DataFrame, strength: float) -> Annotated[Pipeline, "tumor_model"]:
    """Fit a scaled logistic regression."""
    log_params({"strength": strength})
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength))
    model.fit(data[FEATURES], data["benign"])
    log_model(model, "tumor_candidate")
    return model


@step
def judge(model: Pipeline, test: pd.DataFrame) -> float:
    """Measure the model, and ask for the alias `champion` if it is better than the one that has it."""
    probability = model.predict_proba(test[FEATURES])[:, 1]
    accuracy = float(accuracy_score(test["benign"], probability > 0.5))
    log_metrics({"accuracy": accuracy, "roc_auc": float(roc_auc_score(test["benign"], probability))})
    log_table(test.assign(probability=probability).head(20), "predictions")
    promote("champion", better_on="roc_auc")
    return accuracy


@pipeline(model=Model("tumors", artifact="tumor_model", description="is a tumor benign?"))
def training(strength: float = 1.0, seed: int = 0):
    """Load, split, train, judge."""
    train_set, test_set = split(load(), seed)
    judge(train(train_set, strength), test_set)


if __name__ == "__main__":
    training()
