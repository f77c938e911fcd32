"""Where the files lie that are read at run time and are no code: SQL and dashboards."""

from importlib.resources import files
from pathlib import Path

PACKAGE = Path(str(files("pipeline")))


def directory(name: str, in_checkout: str) -> Path:
    """Return the directory of a kind of data files: `_data/name` of an installed wheel, or its place in a checkout."""
    installed = PACKAGE / "_data" / name
    return installed if installed.is_dir() else PACKAGE.parent / in_checkout
