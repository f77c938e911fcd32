"""Ensures that no test of this tier starts a process, connects to anything or accepts connections."""

import socket
import subprocess
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest


def refused(*arguments: Any, **options: Any) -> NoReturn:
    raise AssertionError("a test of the unit tier starts a process or uses the network: it belongs to another tier")


@pytest.fixture(scope="package", autouse=True)
def _nothing_but_python() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess.Popen, "__init__", refused)
        for name in ("bind", "connect", "connect_ex"):
            patch.setattr(socket.socket, name, refused)
        yield
