from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from zen_plugin_serve.config import ServeConfig, ports


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.1", "example.com", "", "::", "127.0.0.1.example.com"])
def test_hosts_that_others_reach_are_refused(host: str) -> None:
    with pytest.raises(ValidationError, match="can be reached by others"):
        ServeConfig(host=host)


@pytest.mark.parametrize(("host", "bound"), [("localhost", "127.0.0.1"), ("[::1]", "::1"), ("127.0.0.1", "127.0.0.1")])
def test_hosts_of_this_machine_are_taken(host: str, bound: str) -> None:
    assert ServeConfig(host=host).host == bound


@pytest.mark.parametrize(
    ("port", "allowed"), [(0, range(1)), (8100, range(8100, 8101)), ("8100-8102", range(8100, 8103))]
)
def test_ports_are_one_a_range_or_any(port: int | str, allowed: range) -> None:
    assert ports(ServeConfig(port=port).port) == allowed


@pytest.mark.parametrize("port", [-1, 65536, "8102-8100", "0-10", "eight", "", "1-2-3", "٣"])
def test_what_is_no_port_is_refused(port: int | str) -> None:
    with pytest.raises(ValidationError, match="is no port"):
        ServeConfig(port=port)


@pytest.mark.parametrize("module", ["plugin", "config", "deployer"])
def test_no_server_is_imported_by_who_deploys(module: str) -> None:
    program = f"import sys, zen_plugin_serve.{module}; print({{'fastapi', 'uvicorn', 'asyncio'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
