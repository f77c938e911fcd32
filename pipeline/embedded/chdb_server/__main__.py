"""The embedded ClickHouse: `python -m pipeline.embedded.chdb_server --data DIR --port P` serves its HTTP interface.

One process per data directory. Prints `listening on URL` to standard output once it answers, errors to standard error.
It always requires a password.
SIGTERM and SIGINT end it in order: inserts that arrived whole are finished and answered, SELECTs are cancelled.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from pipeline.credentials import read_secret
from pipeline.embedded.child import die_with_parent
from pipeline.embedded.servers import PASSWORD_VARIABLE, kept_password
from pipeline.errors import EmbeddedMissingError, EmbeddedStartError

#: How long to wait for running queries at the stop. Together with `ANSWER_SECONDS`, less than `child.END_SECONDS`.
QUERY_SECONDS = 0.5
_PASSWORD_HELP = f"file with the password (else {PASSWORD_VARIABLE}, else a random one, kept in DIR/password)"


def main(arguments: list[str] | None = None) -> None:
    """Serve until a signal. Exits with a message if it cannot start."""
    options = _parser().parse_args(arguments)
    if options.with_parent is not None:
        die_with_parent(options.with_parent)
    # UTC like a ClickHouse server in a container; by default the engine uses the machine's time zone.
    os.environ.setdefault("TZ", "UTC")
    try:
        password = _password(options.password_file)
        if password is None:
            password = kept_password(options.data)
            print(f"the password is in {options.data / 'password'}", file=sys.stderr, flush=True)  # noqa: T201
    except (EmbeddedStartError, OSError) as error:
        sys.exit(str(error))
    try:
        # After setting TZ, which the engine reads once.
        from pipeline.embedded.chdb_server.directory import DirectoryInUseError
        from pipeline.embedded.chdb_server.engine import Engine
        from pipeline.embedded.chdb_server.http import serve
    except ModuleNotFoundError as error:
        sys.exit(str(EmbeddedMissingError(str(error.name))))
    try:
        engine = Engine(options.data, options.max_execution_time)
        asyncio.run(serve(engine, password, options.host, options.port))
    except (DirectoryInUseError, ValueError, OSError) as error:
        sys.exit(f"cannot serve {options.data} on {options.host}:{options.port}: {error}")
    if not engine.close(QUERY_SECONDS):
        print("a query is still running and is abandoned", file=sys.stderr)  # noqa: T201
        os._exit(0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.embedded.chdb_server", description="The embedded ClickHouse over HTTP."
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="where the tables are kept")
    parser.add_argument("--port", type=int, required=True, help="0 picks a free one")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    parser.add_argument("--password-file", type=Path, help=_PASSWORD_HELP)
    parser.add_argument("--max-execution-time", type=int, default=60, metavar="SECONDS", help="default 60; 0: no limit")
    parser.add_argument(
        "--with-parent",
        type=int,
        nargs="?",
        const=os.getppid(),
        metavar="PID",
        help="end when the process that started this one ends (PID: refuse to start when it is not the parent)",
    )
    return parser


def _password(file: Path | None) -> str | None:
    """Return the configured password; None if there is none. Exits if the file is missing or empty."""
    if file is None:
        return os.environ.get(PASSWORD_VARIABLE) or None
    try:
        return read_secret(file)
    except OSError as error:
        sys.exit(f"--password-file: expected a readable file, found {error}")
    except ValueError:
        sys.exit(f"--password-file: expected a password in {file}, found nothing")


if __name__ == "__main__":
    main()
