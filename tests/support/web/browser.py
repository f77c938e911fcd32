"""A real Chromium, driven over its DevTools protocol: pages, keys, and the accessibility tree."""

import asyncio
import contextlib
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.requirement import require

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
ANSWER_SECONDS = 30
#: Key to its code, its number (Windows virtual key) and the text that it types.
KEYS = {
    "Tab": ("Tab", 9, ""),
    "Enter": ("Enter", 13, "\r"),
    "Escape": ("Escape", 27, ""),
    " ": ("Space", 32, " "),
    "End": ("End", 35, ""),
    "Home": ("Home", 36, ""),
    "ArrowLeft": ("ArrowLeft", 37, ""),
    "ArrowRight": ("ArrowRight", 39, ""),
}


class Tab:
    """One tab of a running browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._asked = 0

    async def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the DevTools protocol and return its result."""
        self._asked += 1
        await self._socket.send_json({"id": self._asked, "method": method, "params": parameters})
        async with asyncio.timeout(ANSWER_SECONDS):
            while (answer := await self._socket.receive_json()).get("id") != self._asked:
                pass
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    async def evaluate(self, expression: str) -> Any:
        """Return the value of an expression on the page."""
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, f"{expression}: {found['exceptionDetails']}"
        return found["result"].get("value")

    async def wait(self, expression: str, seconds: float = 30) -> None:
        """Wait until an expression is true on the page."""
        deadline = time.monotonic() + seconds
        while not await self.evaluate(expression):
            assert time.monotonic() < deadline, f"not true after {seconds:.0f} s: {expression}"
            await asyncio.sleep(0.05)

    async def press(self, key: str) -> None:
        """Press and release a key."""
        code, number, text = KEYS[key]
        common = {"key": key, "code": code, "windowsVirtualKeyCode": number}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **common, **({"text": text} if text else {}))
        await self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    async def size(self, width: int, height: int) -> None:
        """Resize the window."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    async def spoken(self) -> list[tuple[str, str, bool]]:
        """Return what a screen reader finds: role, name, and whether it is focusable."""
        tree = await self.call("Accessibility.getFullAXTree")
        return [
            (
                node["role"]["value"],
                node.get("name", {}).get("value", ""),
                any(entry["name"] == "focusable" and entry["value"]["value"] for entry in node.get("properties", [])),
            )
            for node in tree["nodes"]
            if not node["ignored"]
        ]

    async def nameless(self) -> list[str]:
        """Return the roles of focusable elements without a name; the main part needs none."""
        return [role for role, name, is_reached in await self.spoken() if is_reached and not name and role != "main"]


@contextlib.asynccontextmanager
async def opened(url: str, directory: Path) -> AsyncIterator[Tab]:
    """Open a tab that shows `url`. The browser's profile goes into `directory`."""
    require(CHROMIUM is not None, "chromium is not installed")
    profile = directory / "driven"
    with _running(profile):
        async with aiohttp.ClientSession() as session:
            address = await _address(session, profile / "DevToolsActivePort")
            async with session.ws_connect(address, max_msg_size=0) as socket:
                tab = Tab(socket)
                await tab.call("Page.navigate", url=url)
                yield tab


@contextlib.contextmanager
def _running(profile: Path) -> Iterator[None]:
    command = [str(CHROMIUM), *FLAGS, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


async def _address(session: aiohttp.ClientSession, port: Path) -> str:
    """Return the DevTools address of the browser's first tab."""
    async with asyncio.timeout(ANSWER_SECONDS):
        while True:
            await asyncio.sleep(0.1)
            with contextlib.suppress(OSError, aiohttp.ClientError, IndexError, StopIteration):
                async with session.get(f"http://127.0.0.1:{_first_line(port)}/json/list") as answer:
                    tabs = await answer.json()
                return str(next(tab for tab in tabs if tab["type"] == "page")["webSocketDebuggerUrl"])


def _first_line(path: Path) -> str:
    return path.read_text(encoding="utf-8").split()[0]
