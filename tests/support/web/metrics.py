"""The metrics that a process serves for Prometheus, as a test reads them."""

import urllib.request


def samples(address: str) -> dict[str, float]:
    """Return the samples at an address, by name with labels as they are written there."""
    with urllib.request.urlopen(address, timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}
