"""The files of the page: all of them read at the start, so no path of a request ever reaches the file system."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
INDEX = "index.html"


class File(NamedTuple):
    """What is sent for one file."""

    content_type: str
    body: bytes


def read_files() -> Mapping[str, File]:
    """The page's files by their path below `pipeline/web/static`, with slashes."""
    root = Path(str(files("pipeline"))) / "web" / "static"
    return {
        path.relative_to(root).as_posix(): File(TYPES[path.suffix], path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.suffix in TYPES
    }
