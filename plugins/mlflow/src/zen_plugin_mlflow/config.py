"""The configuration of the MLflow tracker."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from zen.secrets import Secret

__all__ = ["MLflowConfig"]


class MLflowConfig(BaseModel):
    """What a stack says about MLflow; all of it is optional."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tracking_uri: str | Secret | None = Field(
        default=None,
        description=(
            "Where MLflow keeps runs: a server (https://mlflow.example.com), a database (sqlite:///mlflow.db, relative "
            "to the project root), or databricks. By default a SQLite file, mlflow.db, in the project's state folder."
        ),
    )
    experiment: str | None = Field(
        default=None,
        min_length=1,
        max_length=500,
        description="The MLflow experiment of all runs; made when it does not exist. By default the pipeline's name.",
    )
    nested: bool = Field(
        default=True,
        description=(
            "Whether each step is an MLflow run of its own, nested in the pipeline's. If false there is one run, and "
            "what steps log is named after the step: train/accuracy."
        ),
    )

    @field_validator("tracking_uri")
    @classmethod
    def _is_an_address(cls, value: str | Secret | None) -> str | Secret | None:
        if not isinstance(value, str) or value == "databricks":
            return value
        if ":" not in value:
            raise ValueError(f"{value!r} is no address; write sqlite:///{value or 'mlflow.db'} for a local file")
        if value in ("sqlite://", "sqlite:///") or value.endswith(":memory:"):
            raise ValueError("a database in memory is seen by one process only; write sqlite:///mlflow.db")
        return value
