import datetime as dt

from zen_frozen_plugin.values import Temperature

from zen import alert, get_step_context, log_metadata, log_metrics, log_params, pipeline, step


@step
def measure() -> Temperature:
    return Temperature(21.5)


@step
def enrich(temperature: Temperature) -> list[dict[str, float]]:
    store = get_step_context().feature_store
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    return store.historical(["warmth"], [{"degrees": temperature.degrees}], [at])


@step(step_operator="frozen")
def train(rows: list[dict[str, float]], factor: float = 2.0) -> float:
    print("training elsewhere")
    log_params({"factor": factor})
    log_metrics({"warmth": rows[0]["warmth"]}, step=1)
    log_metadata({"rows": len(rows)})
    alert("trained", "it is warm", level="warning")
    assert get_step_context().tracker("frozen") == "native train"
    return rows[0]["warmth"] * factor


@step
def collect() -> bytes:
    return bytes(200_000)


@step
def weigh(data: bytes) -> int:
    return len(data)


@pipeline
def training():
    return train(enrich(measure())), weigh(collect())
