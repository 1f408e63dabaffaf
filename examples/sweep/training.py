"""Look for the support vector machine that reads handwritten digits best: one sweep, whose runs share their data."""

from typing import Annotated

import pandas as pd
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from zen import log_metrics, pipeline, step


@step
def load(rows: int = 600, seed: int = 0) -> tuple[Annotated[pd.DataFrame, "train"], Annotated[pd.DataFrame, "test"]]:
    """Images of 8 by 8 points, one in each row; `target` is the digit."""
    frame = load_digits(as_frame=True).frame.sample(rows, random_state=seed)
    train, test = train_test_split(frame, test_size=0.3, random_state=seed)
    return train, test


@step
def fit(data: pd.DataFrame, gamma: float, penalty: float) -> SVC:
    """Fit one machine; `gamma` says how far each image reaches."""
    return SVC(gamma=gamma, C=penalty).fit(data.drop(columns="target"), data["target"])


@step
def evaluate(model: SVC, test: pd.DataFrame) -> None:
    """Log how many digits are read rightly, and of how many images the model consists."""
    accuracy = accuracy_score(test["target"], model.predict(test.drop(columns="target")))
    log_metrics({"accuracy": float(accuracy), "support_vectors": float(model.n_support_.sum())})


@pipeline
def training(gamma: float = 0.001, penalty: float = 1.0, rows: int = 600):
    """Load, fit, evaluate."""
    train, test = load(rows)
    evaluate(fit(train, gamma, penalty), test)


if __name__ == "__main__":
    sweep = training.sweep(gamma=[0.01, 0.001, 0.0001], penalty=[1.0, 10.0])
    best = sweep.best("accuracy")
    print(f"best of {len(sweep)}: {best.parameters}, accuracy {best.metrics['accuracy']:.3f}")
