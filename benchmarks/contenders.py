"""The peers, each with its local defaults and without telemetry."""

from __future__ import annotations

from tools import IMPORT, Tool, chains

PEERS = (
    Tool(
        name="zenml",
        environment="zenml",
        workloads="peers/zenml",
        requires=("zenml[local]==0.98.0",),
        variables={
            "ZENML_CONFIG_PATH": "{place}/.config",
            "ZENML_ANALYTICS_OPT_IN": "false",
            "AUTO_OPEN_DASHBOARD": "false",
        },
        prepare=("{bin}/zenml init", "{python} one_step.py"),
        commands={
            "help": "{bin}/zenml --help",
            "list-stacks": "{bin}/zenml stack list",
            "list-runs": "{bin}/zenml pipeline runs list",
            "import": IMPORT.format("from zenml import pipeline, step"),
            "three-steps": "{python} three_steps.py",
            **chains("{python} chain.py COUNT"),
        },
    ),
    Tool(
        name="prefect",
        environment="prefect",
        workloads="peers/prefect",
        requires=("prefect", "fastapi<0.140"),  # its server does not start with a newer one
        variables={
            "PREFECT_HOME": "{place}/.prefect",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
        },
        prepare=("{python} one_step.py",),
        commands={
            "help": "{bin}/prefect --help",
            "list-runs": "{bin}/prefect flow-run ls",
            "import": IMPORT.format("from prefect import flow, task"),
            "three-steps": "{python} three_steps.py",
            **chains("{python} chain.py COUNT"),
        },
    ),
    Tool(
        name="dagster",
        environment="dagster",
        workloads="peers/dagster",
        requires=("dagster",),
        variables={"DAGSTER_HOME": "{place}/.dagster", "DAGSTER_DISABLE_TELEMETRY": "1", "PYTHONPATH": "{place}"},
        prepare=("mkdir -p {place}/.dagster", "touch {place}/.dagster/dagster.yaml", "{python} one_step.py"),
        commands={
            "help": "{bin}/dagster --help",
            "list-runs": "{bin}/dagster run list",
            "import": IMPORT.format("from dagster import job, op"),
            "three-steps": "{python} three_steps.py",
            **chains("CHAIN_LENGTH=COUNT {python} chain.py", again=None),
        },
    ),
    Tool(
        name="metaflow",
        environment="metaflow",
        workloads="peers/metaflow",
        requires=("metaflow",),
        variables={"METAFLOW_DATASTORE_SYSROOT_LOCAL": "{place}", "METAFLOW_USER": "bench"},
        prepare=("{python} write_chain.py 3 100", "{python} one_step.py run"),
        commands={
            "help": "{bin}/metaflow --help",
            "list-runs": "{python} list_runs.py",
            "import": IMPORT.format("from metaflow import FlowSpec, step"),
            "three-steps": "{python} three_steps.py run",
            **chains("{python} chain_COUNT.py run", again="{python} chain_COUNT.py resume end"),
        },
    ),
    Tool(
        name="kedro",
        environment="kedro",
        workloads="peers/kedro",
        requires=("kedro", "kedro-datasets"),
        variables={"KEDRO_DISABLE_TELEMETRY": "1"},
        prepare=("{bin}/kedro run --pipeline one_step",),
        commands={
            "help": "{bin}/kedro --help",
            "list-stacks": "{bin}/kedro registry list",
            "import": IMPORT.format("from kedro.pipeline import node, pipeline"),
            "three-steps": "{bin}/kedro run --pipeline three_steps",
            **chains("CHAIN_LENGTH=COUNT {bin}/kedro run --pipeline chain", again=None),
        },
    ),
    Tool(
        name="redun",
        environment="redun",
        workloads="peers/redun",
        requires=("redun",),
        prepare=("{bin}/redun init", "{bin}/redun run one_step.py main"),
        commands={
            "help": "{bin}/redun --help",
            "list-runs": "{bin}/redun log",
            "import": IMPORT.format("from redun import task"),
            "three-steps": "{bin}/redun run three_steps.py main",
            **chains("{bin}/redun run chain.py main --length COUNT"),
        },
    ),
    Tool(
        name="hamilton",
        environment="hamilton",
        workloads="peers/hamilton",
        requires=("sf-hamilton",),
        variables={"HAMILTON_TELEMETRY_ENABLED": "false"},
        prepare=("{python} write_chain.py 3 100", "{python} drive.py one_step greeting"),
        commands={
            "import": IMPORT.format("from hamilton import driver"),
            "three-steps": "{python} drive.py three_steps score",
            **chains("{python} drive.py chain_COUNT number_COUNT"),
        },
    ),
)
