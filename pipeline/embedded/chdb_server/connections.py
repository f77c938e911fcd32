"""Connections to the embedded ClickHouse, limited so that idle ones do not block new ones."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

from pipeline.embedded.chdb_server.exchange import EngineError


class Connections:
    """The open connections, at most `most` (plus simultaneous ones): beyond, the oldest idle one is closed."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._at_work: set[object] = set()

    def accepting(self, server: web.Server) -> Callable[[], asyncio.Protocol]:
        """Return the protocol factory that asyncio calls for each new connection."""

        def accept() -> asyncio.Protocol:
            connections = [connection for connection in server.connections if connection.transport is not None]
            if len(connections) >= self._most:
                oldest = next((connection for connection in connections if connection not in self._at_work), None)
                if oldest is not None:
                    oldest.force_close()
            return server()

        return accept

    @contextmanager
    def at_work(self, request: web.Request) -> Iterator[None]:
        """Keep the connection open while its request is processed. Raises EngineError if all connections are busy."""
        if len(self._at_work) >= self._most:
            raise EngineError(
                202,
                f"Code: 202. DB::Exception: Too many simultaneous queries. Maximum: {self._most}. "
                "(TOO_MANY_SIMULTANEOUS_QUERIES)",
            )
        self._at_work.add(request.protocol)
        try:
            yield
        finally:
            self._at_work.discard(request.protocol)
