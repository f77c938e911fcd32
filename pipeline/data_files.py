"""The location of data files that are read at run time: SQL and dashboards."""

from importlib.resources import files
from pathlib import Path

PACKAGE = Path(str(files("pipeline")))


def directory(name: str, in_checkout: str) -> Path:
    """Return the directory of a kind of data files: `_data/name` of an installed wheel, or that in a checkout."""
    installed = PACKAGE / "_data" / name
    return installed if installed.is_dir() else PACKAGE.parent / in_checkout
