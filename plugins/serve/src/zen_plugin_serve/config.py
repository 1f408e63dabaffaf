"""The configuration of the deployer. The settings of one deployment have the same names and go before it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

__all__ = ["ServeConfig", "ports"]

_HIGHEST_PORT = 65535
_LOOPBACK = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "::1", "[::1]": "::1"}


class ServeConfig(BaseModel):
    """What a stack says about local model servers; all of it is optional."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    host: str = Field(
        default="127.0.0.1",
        description="Where servers listen: 127.0.0.1, localhost or ::1. Models are served to this machine only.",
    )
    port: int | str = Field(
        default=0,
        description=(
            "The port, a range of ports (8100-8199), or 0 for any free one. A deployment keeps the port that it got."
        ),
    )
    replicas: int = Field(default=1, ge=1, le=64, description="How many processes predict, for each deployment.")
    startup_timeout: float = Field(
        default=120.0, gt=0, description="How many seconds a model may take until it is loaded."
    )
    request_timeout: float = Field(
        default=30.0,
        gt=0,
        description="How many seconds a request may wait for its turn, and as many again to be predicted.",
    )
    stop_timeout: float = Field(
        default=10.0,
        gt=0,
        description="How many seconds a server that is stopped has for the requests under way; then it is killed.",
    )
    max_bytes: int = Field(default=10 * 2**20, ge=1, le=2**30, description="How long the body of a request may be.")
    max_rows: int = Field(default=10_000, ge=1, description="How many rows a request may have.")
    max_waiting: int = Field(
        default=100, ge=0, description="How many requests may wait while others are predicted; more are told to retry."
    )
    allow_pickle: bool = Field(
        default=True,
        description=(
            "Whether models that are pickles are loaded, which can run any code. What zen deploys comes from the "
            "project's own runs; set it to false where others can write to the stores."
        ),
    )

    @field_validator("host")
    @classmethod
    def _is_this_machine(cls, value: str) -> str:
        if value not in _LOOPBACK:
            raise ValueError(
                f"{value!r} can be reached by others, and this server has neither passwords nor TLS;"
                " write 127.0.0.1 or ::1, and put a proxy in front of it"
            )
        return _LOOPBACK[value]

    @field_validator("port")
    @classmethod
    def _is_a_port(cls, value: int | str) -> int | str:
        ports(value)
        return int(value) if isinstance(value, str) and value.isdigit() else value


def ports(value: int | str) -> range:
    """Return the ports that a setting allows; `range(0, 1)` for any free one.

    Raises:
        ValueError: When it is no port and no range of ports.
    """
    first, _, last = str(value).partition("-")
    if not (first.isascii() and first.isdigit() and (not last or (last.isascii() and last.isdigit()))):
        raise ValueError(f"{value!r} is no port; write a number, or a range such as 8100-8199")
    low, high = int(first), int(last or first)
    if not (low <= high <= _HIGHEST_PORT and (low or not high)):
        raise ValueError(f"{value!r} is no port; ports go from 1 to {_HIGHEST_PORT}, and 0 takes any free one")
    return range(low, high + 1)
