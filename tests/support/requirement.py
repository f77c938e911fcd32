"""Requirements of a test on the machine, by name."""

import os

import pytest


def is_all_required() -> bool:
    """Return whether everything must run, as before a change lands."""
    return bool(os.environ.get("REQUIRE_ALL"))


def require(condition: bool, what: str) -> None:
    """Skip with a named reason where a machine cannot run a test; fail where everything is required (in CI)."""
    if condition:
        return
    if is_all_required():
        pytest.fail(f"required, but not here: {what}")
    pytest.skip(f"cannot run here: {what}")
