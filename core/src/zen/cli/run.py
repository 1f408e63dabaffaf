"""`zen run`: runs a pipeline, with options made from its signature."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zen.cli.group import Command, json_option
from zen.cli.output import emit_json, fields, record_json, say, table, write
from zen.cli.runs import error_text, run_details
from zen.cli.session import stack_option

if TYPE_CHECKING:
    from zen.authoring import Pipeline
    from zen.client import RunView
    from zen.records import CacheDecision, Input, Plan, StepSpec

EXIT_CODES = {"completed": 0, "cancelled": 130}
MOST_TRACEBACKS = 3
_PIPELINE = "zen.pipeline"


class RunCommand(Command):
    """A command whose options, after TARGET, are those of the pipeline as well."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Find TARGET and import its pipeline, then read all the options."""
        target = self._target(ctx, args)
        if target and not ctx.resilient_parsing:  # completing a command line runs no code of the project
            from zen.cli.target import load_pipeline

            pipeline = load_pipeline(target)
            taken = [name for own in super().get_params(ctx) for name in (*own.opts, *own.secondary_opts)]
            ctx.meta.update({_PIPELINE: pipeline, "zen.target": target})
            ctx.meta["zen.options"] = self.parameter_options(pipeline, taken)
        return super().parse_args(ctx, args)

    def parameter_options(self, pipeline: Pipeline, taken: list[str]) -> list[click.Option]:
        """Return an option for each parameter of the pipeline."""
        from zen.cli.parameters import options

        return options(pipeline.function, taken)

    def _target(self, ctx: click.Context, args: list[str]) -> str | None:
        parser = self.make_parser(ctx)
        parser.allow_interspersed_args, parser.ignore_unknown_options = False, True
        values, _, _ = parser.parse_args(args=list(args))
        target = values.get("target")
        if isinstance(target, str) and target.startswith("-"):
            from zen.errors import UsageError

            raise UsageError(
                f"no option {target} before TARGET",
                hint=f"options of the pipeline stand after it: {ctx.command_path} FILE {target}",
            )
        return target if isinstance(target, str) else None

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return our own options and those of the pipeline."""
        return [*super().get_params(ctx), *ctx.meta.get("zen.options", ())]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the pipeline's options in a section of their own."""
        options = [each for each in super().get_params(ctx) if isinstance(each, click.Option)]
        own = [option.get_help_record(ctx) for option in options]
        theirs = [option.get_help_record(ctx) for option in ctx.meta.get("zen.options", ())]
        if ctx.meta.get(_PIPELINE) is not None:
            with formatter.section(f"Parameters of {ctx.meta[_PIPELINE].name}"):
                if any(theirs):
                    formatter.write_dl([record for record in theirs if record])
                else:
                    formatter.write_text("none")
        with formatter.section("Options"):
            formatter.write_dl([record for record in own if record])


def _complete_target(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[Any]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


@click.command(
    cls=RunCommand,
    name="run",
    example=[
        "zen run training.py --help",
        "zen run training.py --lr 0.2 --stack tracked",
        "zen run churn.pipelines:nightly --tag nightly --config nightly.yaml",
        "zen run training.py:training --dry-run",
    ],
)
@click.argument("target", metavar="TARGET", shell_complete=_complete_target)
@stack_option
@click.option("--name", metavar="NAME", help="The name of the run; {pipeline}, {date}, {time}, {id} are filled in.")
@click.option("--no-cache", is_flag=True, help="Take no results from earlier runs.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A label of the run; give it once for each.")
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="A YAML file with parameters and settings; what is given here goes before it.",
)
@click.option("--dry-run", is_flag=True, help="Print what would run, and why; run nothing.")
@json_option
@click.pass_context
def command(ctx: click.Context, /, dry_run: bool, as_json: bool, **settings: Any) -> int:
    """Run a pipeline of a file or module.

    TARGET is file.py, file.py:pipeline or package.module:pipeline; with one pipeline there its name may be left out.
    Parameters of the pipeline are options after TARGET: zen run TARGET --help shows them.
    """
    from zen.cli.parameters import given

    parameters = given(ctx)
    pipeline = ctx.meta[_PIPELINE].with_options(**_options(ctx.meta[_PIPELINE], settings))
    require_all(pipeline, parameters, ctx)
    with explained(pipeline):
        if dry_run:
            from zen.authoring.running import forecast

            show_plan(*forecast(pipeline, (), parameters), as_json=as_json)
            return 0
        run = _run(pipeline, parameters)
    if as_json:
        emit_json(run_details(run))
    conclude(run)
    return EXIT_CODES.get(run.state, 1)


def _options(pipeline: Pipeline, settings: dict[str, Any]) -> dict[str, Any]:
    """Return what was given as options of the pipeline; what was not stays as the pipeline and the file have it."""
    found = {
        "stack": settings["stack"],
        "run_name": settings["name"],
        "config_path": settings["config"],
        "enable_cache": False if settings["no_cache"] else None,
        "tags": [*pipeline.options.tags, *settings["tags"]],
        "raise_on_failure": False,
    }
    return {name: value for name, value in found.items() if value is not None}


def require_all(pipeline: Pipeline, given: dict[str, Any], ctx: click.Context) -> None:
    """See that every parameter has a value, and name the options of those that have none."""
    from zen.authoring.runconfig import RunConfig
    from zen.cli.parameters import PREFIX
    from zen.errors import UsageError, listing

    known = {*given, *pipeline.options.parameters, *RunConfig.read(pipeline.options.config_path).parameters}
    wanted = [name for name, each in pipeline.parameters.items() if each.default is each.empty and name not in known]
    if wanted:
        flags = {option.name: option.opts[0] for option in ctx.meta["zen.options"]}
        missing = [flags[f"{PREFIX}{name}"] for name in wanted]
        raise UsageError(
            f"pipeline {pipeline.name!r} needs {listing(missing)}",
            hint=f"see '{ctx.command_path} {ctx.meta['zen.target']} --help'",
        )


@contextlib.contextmanager
def explained(pipeline: Pipeline) -> Iterator[None]:
    """Show where in the project a mistake was made, when the pipeline function itself made it."""
    import traceback

    from zen.engine.failures import user_traceback
    from zen.errors import UsageError, ZenError

    try:
        yield
    except Exception as error:  # the pipeline function is the project's code
        file = pipeline.function.__code__.co_filename
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
        if not frames:
            raise
        if isinstance(error, ZenError):
            say(f"{file}:{frames[-1].lineno}: in {frames[-1].name}\n    {frames[-1].line}")
            raise
        raise UsageError(
            f"the function of pipeline {pipeline.name!r} raised {type(error).__name__}: {error}",
            hint="it connects steps, before any of them runs; what works on data belongs in a step",
            traceback=user_traceback(error),
        ) from error


def _run(pipeline: Pipeline, parameters: dict[str, Any]) -> RunView:
    from zen.cli.progress import Progress
    from zen.engine import use_progress

    progress = Progress()
    with use_progress(progress), progress.beside_output():
        return pipeline.run(**parameters)


def conclude(run: RunView) -> None:
    """Say what is worth knowing at the end, on stderr: metrics, or why it failed."""
    failed = [step for step in run.steps.values() if step.state in ("failed", "lost") and step.error is not None]
    for step in failed[:MOST_TRACEBACKS]:
        say(f"\nstep {step.name!r}:")
        say(error_text(step))
    if run.metrics and not failed:
        say("  ".join(f"{name}={value:.6g}" for name, value in run.metrics.items()))
    say(f"look at it: zen show {run.id[:8]}" + (f", zen logs {run.id[:8]} {failed[0].name}" if failed else ""))


def show_plan(plan: Plan, decisions: dict[str, CacheDecision], *, as_json: bool) -> None:
    """Write a plan, with what would come from the cache."""
    if as_json:
        emit_json({**plan.to_json(), "cache": {name: record_json(each) for name, each in decisions.items()}})
        return
    parameters = ", ".join(f"{name}={value!r}" for name, value in plan.parameters.items())
    fields(
        [
            ("pipeline", plan.pipeline),
            ("stack", plan.stack.name),
            ("parameters", parameters),
            ("tags", ", ".join(plan.tags)),
            ("mode", plan.execution_mode),
        ]
    )
    write("")
    rows = [
        (each.name, _would(decisions[each.name]), ", ".join(each.upstream()), _arguments(each), _outputs(each))
        for each in plan.steps
    ]
    table(("step", "would", "waits for", "arguments", "outputs"), rows)
    say("nothing was run")


def _would(decision: CacheDecision) -> str:
    return "be taken from the cache" if decision.status == "hit" else f"run: {decision.reason}"


def _arguments(step: StepSpec) -> str:
    return ", ".join(f"{name}={_source(given)}" for name, given in step.inputs.items())


def _source(given: Input) -> str:
    if given.kind == "output":
        return f"{given.step}.{given.output}"
    if given.kind == "value":
        return str(given.value)
    return f"artifact {given.artifact}" if given.kind == "artifact" else f"{given.kind} of {len(given.items)}"


def _outputs(step: StepSpec) -> str:
    return ", ".join(output.name for output in step.outputs)
