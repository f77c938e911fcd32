"""`sichtflug page`: serve the dashboards until stopped."""

import signal

import msgspec
from rich.console import Console

from pipeline.errors import PortError
from pipeline.settings import Settings
from pipeline.signals import stops_on_signals
from pipeline.web.server import PageServer


def serve(settings: Settings, port: int | None, console: Console) -> None:
    """Serve until Ctrl-C or SIGTERM. `port` overrides the setting. Raises PortError and DashboardError."""
    if port is not None:
        settings = msgspec.structs.replace(settings, page_port=port)
    with stops_on_signals(), PageServer(settings) as page:
        console.print(f"page        {page.url}", highlight=False)
        while True:
            signal.pause()


def beside(settings: Settings) -> PageServer:
    """Return the page server of a demo: on its usual port, or on a free one if that is taken."""
    try:
        return PageServer(settings)
    except PortError:
        return PageServer(msgspec.structs.replace(settings, page_port=0))
