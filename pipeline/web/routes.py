"""The routes of the page. Dashboards, panels and variables are requested by name; SQL never comes from the client.

/, /d/UID                               the page
/page/FILE                              its files
/api/dashboards                         the list, /api/dashboards/UID one of them
/api/dashboards/UID/variables/NAME      options of a variable      ?from= &to=
/api/dashboards/UID/panels/ID           data of a panel            ?from= &to= &width= &var-NAME=
/api/dashboards/UID/annotations         annotations                likewise
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec

from pipeline.http_server import JSON, Answer
from pipeline.web.dashboards import Dashboards
from pipeline.web.panels import Panels
from pipeline.web.queries import QueryError
from pipeline.web.request import BadRequestError, NotFoundError, read_request

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
INDEX = "index.html"


class Routes:
    """The dispatcher from path and query string to answers. Thread-safe."""

    def __init__(self, dashboards: Dashboards, panels: Panels) -> None:
        self._dashboards = dashboards
        self._panels = panels
        self._files = read_files()

    def answer(self, target: str) -> Answer:
        """Return the answer for a request target (path and query). Errors are JSON with the text in `error`."""
        try:
            parts = urlsplit(target)
            steps = [unquote(step, errors="strict") for step in parts.path.split("/")[1:]]
            if steps[:1] == ["api"]:
                return Answer(HTTPStatus.OK, JSON, msgspec.json.encode(self._api(steps[1:], parts.query)))
            return self._file(steps)
        except NotFoundError as error:
            return error_answer(HTTPStatus.NOT_FOUND, error)
        except (BadRequestError, UnicodeDecodeError) as error:
            return error_answer(HTTPStatus.BAD_REQUEST, error)
        except QueryError as error:
            return error_answer(HTTPStatus.BAD_GATEWAY, error)
        except ValueError as error:  # urlsplit's own
            return error_answer(HTTPStatus.BAD_REQUEST, error)

    def _api(self, steps: Sequence[str], query: str) -> Any:
        match steps:
            case ["dashboards"]:
                return self._dashboards.listed()
            case ["dashboards", uid]:
                return self._dashboards.find(uid).shown()
            case ["dashboards", uid, "variables", name]:
                options = self._panels.options(self._dashboards.find(uid), name, read_request(query))
                return [{"text": text, "value": value} for text, value in options]
            case ["dashboards", uid, "panels", number]:
                dashboard = self._dashboards.find(uid)
                return self._panels.answer(dashboard, dashboard.panel(number), read_request(query))
            case ["dashboards", uid, "annotations"]:
                return self._panels.annotations(self._dashboards.find(uid), read_request(query))
        raise NotFoundError("not found; expected /api/dashboards and what lies below it")

    def _file(self, steps: Sequence[str]) -> Answer:
        if steps[0] == "page":
            name = "/".join(steps[1:])
        elif steps == [""] or (len(steps) == 2 and steps[0] == "d"):
            name = INDEX
        else:
            name = ""
        if name not in self._files:
            raise NotFoundError("not found; the page is at /")
        return Answer(HTTPStatus.OK, *self._files[name])


def error_answer(status: HTTPStatus, error: Exception) -> Answer:
    """Return an error as an answer, with its text."""
    return Answer(status, JSON, msgspec.json.encode({"error": str(error)}))


class File(NamedTuple):
    """The content type and body of a file."""

    content_type: str
    body: bytes


def read_files() -> Mapping[str, File]:
    """Return the page's files by their path below `pipeline/web/static`, with slashes.

    All are read at the start, so no path of a request ever reaches the file system.
    """
    root = Path(str(files("pipeline"))) / "web" / "static"
    return {
        path.relative_to(root).as_posix(): File(TYPES[path.suffix], path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.suffix in TYPES
    }
