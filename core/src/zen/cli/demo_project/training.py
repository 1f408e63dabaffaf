"""Train and evaluate a classifier on the Wisconsin breast-cancer data that ships with scikit-learn.

python training.py                                     on the stack that zen.yaml chooses
zen run training.py --regularization 0.1               with another parameter
zen run training.py --stack local                      without the experiment tracker
"""

from typing import Annotated

import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from zen import log_metrics, log_params, pipeline, step


@step
def load() -> Annotated[pd.DataFrame, "tumors"]:
    """569 tumors, 30 measurements of each; `target` is 1 for a benign one."""
    return load_breast_cancer(as_frame=True).frame


@step
def split(
    tumors: pd.DataFrame, test_share: float = 0.25, seed: int = 0
) -> tuple[Annotated[pd.DataFrame, "train_set"], Annotated[pd.DataFrame, "test_set"]]:
    """Keep a share of the rows for the test, with the same mix of both classes."""
    train_set, test_set = train_test_split(tumors, test_size=test_share, random_state=seed, stratify=tumors["target"])
    return train_set, test_set


@step
def train(train_set: pd.DataFrame, regularization: float = 1.0) -> Annotated[Pipeline, "tumor_classifier"]:
    """Fit a logistic regression on scaled measurements."""
    log_params({"regularization": regularization})
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1 / regularization, max_iter=1000))
    return model.fit(train_set.drop(columns="target"), train_set["target"])


@step
def evaluate(model: Pipeline, test_set: pd.DataFrame) -> Annotated[float, "accuracy"]:
    """Measure the model on rows that it has not seen."""
    features, target = test_set.drop(columns="target"), test_set["target"]
    accuracy = float(accuracy_score(target, model.predict(features)))
    ranking = float(roc_auc_score(target, model.predict_proba(features)[:, 1]))
    log_metrics({"accuracy": accuracy, "roc_auc": ranking})
    print(f"accuracy {accuracy:.3f}, ROC AUC {ranking:.3f} on {len(test_set)} tumors")
    return accuracy


@pipeline
def training(regularization: float = 1.0, seed: int = 0):
    """Load, split, train, evaluate."""
    train_set, test_set = split(load(), seed=seed)
    return evaluate(train(train_set, regularization=regularization), test_set)


if __name__ == "__main__":
    training()
