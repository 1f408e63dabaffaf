"""Predict a batch of wines with the newest model that training.py stored."""

from pathlib import Path
from typing import Annotated

import pandas as pd
from sklearn.datasets import load_wine
from sklearn.ensemble import GradientBoostingClassifier

from zen import Client, log_metadata, pipeline, step


@step
def new_wines(rows: int, seed: int = 1) -> pd.DataFrame:
    """A batch without the answer; read your own table here."""
    return load_wine(as_frame=True).data.sample(rows, random_state=seed)


@step
def predict(model: GradientBoostingClassifier, batch: pd.DataFrame) -> Annotated[Path, "wine_predictions"]:
    """Write one line for each wine; the file becomes an artifact."""
    predictions = batch[[]].assign(grower=model.predict(batch))
    log_metadata({"rows": len(predictions), "growers": predictions["grower"].value_counts().sort_index().tolist()})
    file = Path("predictions.csv")
    predictions.to_csv(file, index_label="wine")
    return file


@pipeline
def inference(rows: int = 8):
    """The model is an input like any other: the run records which version it used."""
    return predict(Client().artifact("wine_model"), new_wines(rows))


if __name__ == "__main__":
    run = inference()
    print(run.outputs[0].load().read_text())
