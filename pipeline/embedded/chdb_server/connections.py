"""Connections to the embedded ClickHouse: those that ask nothing keep nobody out, however many they are."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

from pipeline.embedded.chdb_server.exchange import EngineError


class Connections:
    """At most `most` connections, and what comes in at once: the oldest that waits for a request gives way."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._at_work: set[object] = set()

    def accepting(self, server: web.Server) -> Callable[[], asyncio.Protocol]:
        """What asyncio calls for each connection that comes in."""

        def accept() -> asyncio.Protocol:
            connections = [one for one in server.connections if one.transport is not None]  # not yet closed
            if len(connections) >= self._most:
                oldest = next((one for one in connections if one not in self._at_work), None)
                if oldest is not None:
                    oldest.force_close()
            return server()

        return accept

    @contextmanager
    def at_work(self, request: web.Request) -> Iterator[None]:
        """Keep the connection while its request is answered. Raises EngineError where all of them are at work."""
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
