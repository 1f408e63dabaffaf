"""Writing pipelines: steps, pipelines, and tracing them into plans."""

from zen.authoring.options import PipelineOptions, Retries, StepOptions
from zen.authoring.pipelines import Pipeline, pipeline
from zen.authoring.steps import Step, step

__all__ = ["Pipeline", "PipelineOptions", "Retries", "Step", "StepOptions", "pipeline", "step"]
