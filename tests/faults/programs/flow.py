"""The pipelines that the harnesses kill: every kind of output, a result from the cache, metrics, printed lines, a worker.

The project of a harness is a copy of this file in an empty folder.
"""

import hashlib
import os
import signal

from zen import Model, log_metrics, pipeline, step


def noted(name: str) -> None:
    """Count a real execution in a file that only grows."""
    number = os.open(os.environ.get("FAULTS_EXECUTIONS", "executions.side"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(number, f"{name}\n".encode())
    os.close(number)
    if os.environ.get("FAULTS_STOP") == name:
        os.kill(os.getpid(), signal.SIGSTOP)
    if os.environ.get("FAULTS_DIE") == name:
        os.kill(os.getpid(), signal.SIGKILL)


def first_bytes(n: int) -> str:
    """Say how the body for a number begins."""
    return hashlib.sha256(str(n).encode()).digest()[:4].hex()


@step
def small(n: int) -> list:
    noted("small")
    return [n, n + 1]


@step
def large(n: int, kilobytes: int) -> bytes:
    noted("large")
    return hashlib.sha256(str(n).encode()).digest() * 32 * kilobytes


@step
def total(parts: list, body: bytes) -> dict:
    noted("total")
    print("adding up", len(body))
    log_metrics({"sum": sum(parts), "size": len(body)})
    return {"sum": sum(parts), "first": body[:4].hex()}


@step(isolate=True)
def beside(body: bytes) -> bytes:
    noted("beside")
    print("in a worker")
    return body[::-1]


@pipeline
def chain(n: int, kilobytes: int = 48):
    first = small(n)
    body = large(n, kilobytes)
    small(n)  # from the cache
    return total(first, body)


@pipeline(enable_cache=False)
def anew(n: int, kilobytes: int = 48):
    return total(small(n), large(n, kilobytes))


@pipeline
def worker(n: int, kilobytes: int = 48):
    return beside(large(n, kilobytes))


@pipeline(model=Model("sums", artifact="total.output"))
def modelled(n: int, kilobytes: int = 48):
    return total(small(n), large(n, kilobytes))
