"""What stacks say about MLflow: for the tracker, the model registry and the model deployer."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from zen.secrets import Secret

__all__ = ["MLflowConfig", "MLflowDeployerConfig", "MLflowRegistryConfig"]


class _Store(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    tracking_uri: str | Secret | None = Field(
        default=None,
        description=(
            "Where MLflow keeps runs: a server (https://mlflow.example.com), a database (sqlite:///mlflow.db, relative "
            "to the project root), or databricks. By default a SQLite file, mlflow.db, in the project's state folder."
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


class MLflowConfig(_Store):
    """What a stack says about MLflow as experiment tracker; all of it is optional."""

    experiment: str | None = Field(
        default=None,
        min_length=1,
        max_length=500,
        description="The MLflow experiment of all runs; made when it does not exist. By default the pipeline's name.",
    )
    steps: Literal["nested", "prefixed"] = Field(
        default="nested",
        description=(
            "nested: each step is an MLflow run of its own, nested in the pipeline's. prefixed: there is one run, and "
            "what steps log is named after the step: train.accuracy."
        ),
    )


class MLflowRegistryConfig(_Store):
    """What a stack says about MLflow as model registry; all of it is optional."""

    experiment: str = Field(
        default="models",
        min_length=1,
        max_length=500,
        description=(
            "The MLflow experiment of models whose run was not tracked in the same place; those of tracked runs stand "
            "in the experiment of their run. Made when it does not exist."
        ),
    )


class MLflowDeployerConfig(_Store):
    """What a stack says about MLflow as model deployer; all of it is optional."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="The address that servers listen at. They ask nobody who they are: think before you change it.",
    )
    start_timeout: float = Field(
        default=120.0,
        gt=0,
        description="Seconds within which a server has to load its model and answer.",
    )
    request_timeout: float = Field(default=60.0, gt=0, description="Seconds that one prediction may take.")
    allow_pickle: bool = Field(
        default=False,
        description=(
            "Whether models that are kept as pickles are served. Loading a pickle runs code that its bytes name: allow "
            "it where you trust everybody who can write to the artifact store."
        ),
    )
