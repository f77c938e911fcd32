"""Programs of Prometheus and Alertmanager, if the machine has them."""

import shutil
import subprocess
from pathlib import Path

from tests.support.requirement import require

PACKAGES = {
    "promtool": "prometheus",
    "prometheus": "prometheus",
    "amtool": "prometheus-alertmanager",
    "prometheus-alertmanager": "prometheus-alertmanager",
}


def program(name: str) -> str:
    """Return the path of a program. Skips where it is missing."""
    found = shutil.which(name)
    require(found is not None, f"{name} (Debian's package {PACKAGES[name]})")
    return str(found)


def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    command = [program(name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
