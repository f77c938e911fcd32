"""A database as commit 69ca1a0 created it, when numbered files also made the views."""

import hashlib
import secrets
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.clickhouse import migrations
from pipeline.clickhouse.client import ClickHouse
from pipeline.clickhouse.sql_files import statements

#: `git archive 69ca1a0:deploy/clickhouse/migrations`, compressed.
ARCHIVE = Path(__file__).parent / "fixtures" / "migrations_69ca1a0.tar.gz"
#: `git rev-parse 69ca1a0:deploy/clickhouse/migrations`: covers the names of all files and every byte in them.
TREE = "08d3731f9a8c157db6276dcb0b3260d108ca7ccb"


def old_files() -> dict[str, bytes]:
    """Return the files of that commit by name, in order. Raises if the archive was changed."""
    with tarfile.open(ARCHIVE) as archive:
        found = {member.name: archive.extractfile(member) for member in archive.getmembers()}
        files = {name: found_file.read() for name, found_file in sorted(found.items()) if found_file}
    assert tree_of(files) == TREE
    return files


def tree_of(files: dict[str, bytes]) -> str:
    """Return Git's id of a directory that holds these files."""
    entries = (b"100644 " + name.encode() + b"\0" + _git_hash(b"blob", files[name]) for name in sorted(files))
    return _git_hash(b"tree", b"".join(entries)).hex()


def _git_hash(kind: bytes, content: bytes) -> bytes:
    return hashlib.sha1(kind + b" " + str(len(content)).encode() + b"\0" + content).digest()


@contextmanager
def create_old(url: str) -> Iterator[ClickHouse]:
    """Do what `sichtflug migrate` of that commit did in a new database: apply each file once and record its number."""
    database = f"old_{secrets.token_hex(4)}"
    migrations.prepare(url, database)
    client = ClickHouse(url, database)
    for name, content in old_files().items():
        number, _, rest = name.removesuffix(".sql").partition("_")
        for statement in statements(content.decode()):
            client.execute(statement)
        client.execute(f"INSERT INTO migrations (number, name) VALUES ({int(number)}, '{rest}')")
    yield client
    client.execute(f"DROP DATABASE {database}")
    client.close()


def definitions(client: ClickHouse) -> dict[str, str]:
    """Return how each table and view was created, as ClickHouse records it, without the database's own name."""
    made = client.rows("SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()")
    return {str(name): str(query).replace(f"{client.database}.", "") for name, query in made}
