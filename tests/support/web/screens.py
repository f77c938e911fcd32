"""The page as rendered by a real Chromium: its final document, and the state of each panel."""

import re
import subprocess
from pathlib import Path

from tests.support.web.browser import CHROMIUM, FLAGS
from tests.support.web.page import Page

LARGE, PHONE = (1920, 1080), (390, 844)
PANEL = re.compile(r'<section[^>]*class="panel"[^>]*>')
ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')


def browsed(page: Page, path: str, size: tuple[int, int], directory: Path) -> tuple[dict[str, str], str]:
    """Return the attributes of the body, and the document, once everything has been drawn."""
    document = run_chromium(page, path, size, directory, "--dump-dom")
    body = re.search(r"<body[^>]*>", document)
    assert body, document[-2000:]
    return dict(ATTRIBUTE.findall(body[0])), document


def run_chromium(page: Page, path: str, size: tuple[int, int], directory: Path, *options: str) -> str:
    """Open a path of the page, wait until the page is idle, and return what the browser prints."""
    command = [
        str(CHROMIUM),
        *FLAGS,
        f"--user-data-dir={directory / 'browser'}",
        f"--window-size={size[0]},{size[1]}",
        "--virtual-time-budget=20000",
        *options,
        f"http://127.0.0.1:{page.port}{path}",
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=True).stdout


def states(document: str) -> dict[str, str]:
    """Return the state of each panel by its number."""
    found = (dict(ATTRIBUTE.findall(tag)) for tag in PANEL.findall(document))
    return {one["data-panel"]: one["data-state"] for one in found}
