"""Access control of the embedded engine: grants of its own, and checks of what those do not cover.

The engine has one user, who is granted what the ledger, dashboards and BI tools need: tables, views and SQL functions.
Files, addresses, other databases, dictionaries, users, backups and SYSTEM are not granted.
"""

import os
import re
import uuid
from collections.abc import Callable, Collection
from pathlib import Path

MAX_RESULT_BYTES = 1 << 30
LEAST_MEMORY_BYTES = 1 << 30

_RIGHTS = (
    "SHOW, SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, CREATE TEMPORARY TABLE, CREATE FUNCTION, "
    "DROP, TRUNCATE, OPTIMIZE, KILL QUERY, CHECK"
)
#: Not Log, TinyLog, StripeLog, Set and Join, which lose rows silently on a full disk.
_ENGINES = frozenset(
    {"MergeTree", "ReplacingMergeTree", "SummingMergeTree", "AggregatingMergeTree", "CollapsingMergeTree"}
    | {"VersionedCollapsingMergeTree", "CoalescingMergeTree", "Memory", "Null", "Buffer", "Merge", "Atomic"}
)
#: Settings that access files or the network, name an engine, contain SQL, or change the parser.
_FIXED = (
    *("dialect", "additional_table_filters", "additional_result_filter", "filter", "format_template_row"),
    *("format_template_resultset", "format_schema", "format_schema_source", "output_format_schema"),
    *("format_avro_schema_registry_url", "input_format_record_errors_file_path", "url_base"),
    *("default_table_engine", "default_temporary_table_engine"),
    *("allow_introspection_functions", "allow_python_table_function", "dynamic_disk_allow_from_env"),
    *("dynamic_disk_allow_include", "dynamic_disk_allow_from_zk", "rename_files_after_processing"),
)
_OFF = "<allow_python_table_function>0</allow_python_table_function>"
_OFF += "<allow_introspection_functions>0</allow_introspection_functions>"
_TABLE_FUNCTIONS = frozenset(
    {"numbers", "numbers_mt", "zeros", "zeros_mt", "primes", "generateSeries", "generate_series", "generateRandom"}
    | {"merge", "view", "viewIfPermitted", "viewExplain", "values", "SQLStandardValues", "null", "format", "loop"}
    | {"mergeTreeIndex", "mergeTreeProjection", "mergeTreeTextIndex", "fuzzJSON", "fuzzQuery", "input", "dictionary"}
)
#: Refused names other than table functions: functions that read files or run code, disks defined in a statement.
_OTHERS = ("file", "disk", "python", "eval", "catboostEvaluate", "showCertificate", "getClientHTTPHeader")
_AI = r"ai[A-Z]\w*|AI[A-Z]\w*"

_EXPRESSION = re.compile(r"\b(?:DEFAULT|MATERIALIZED|ALIAS|EPHEMERAL)\b", re.IGNORECASE)

_TOKEN = re.compile(r"'(?P<text>(?:[^'\\]|\\.|'')*)'|`(?P<quoted>(?:[^`\\]|\\.|``)*)`|(?P<word>\w+)|(?P<mark>\S)", re.S)


class ForbiddenError(ValueError):
    """A statement would access something outside the database."""


class Forbidden:
    """A check for what the engine's access control does not cover. `table_functions` are those of this engine.

    It inspects statements as normalised by the engine's own parser, so that comments, quoting, escapes and case do not
    matter. Unknown table functions are refused.
    """

    def __init__(self, table_functions: frozenset[str]) -> None:
        refused = sorted((table_functions - _TABLE_FUNCTIONS) | set(_OTHERS))
        names = "|".join(map(re.escape, refused))
        self._name = re.compile(rf"(?i:{names})|{_AI}")
        self._in_text = re.compile(rf"(?<!\w)(?:(?i:{names})|{_AI})[\s`\"]*\(")
        self._suspect = re.compile(rf"(?i:{names}|outfile|infile|engine)|[aA][iI][A-Z]|[\\;]".encode())

    def check(self, sql: bytes, parameters: Collection[str], canonical: Callable[[str], str]) -> None:
        """Raise ForbiddenError if necessary. `canonical` is called only if `sql` or parameters may hide a name."""
        texts = list(map(_plain, parameters))
        if self._suspect.search(sql) is None and not any(map(self._in_text.search, texts)):
            return
        before, last, has_format, is_engine = "", "", False, False
        for token in _TOKEN.finditer(canonical(sql.decode(errors="replace"))):
            if token["text"]:
                texts.append(_plain(token["text"]))
            has_format = has_format or (token["mark"] == "(" and last.lower() == "format")
            if token["mark"] == "(" and self._name.fullmatch(last):
                raise ForbiddenError(f"the function {last} is not allowed here: it would leave the database")
            word = token["word"] or ""
            if (before.upper(), word.upper()) in (("INTO", "OUTFILE"), ("FROM", "INFILE")):
                raise ForbiddenError(f"{before} {word} is not allowed over HTTP")
            name = word or _plain(token["quoted"] or "")
            if is_engine and name not in _ENGINES:
                raise ForbiddenError(f"expected one of {', '.join(sorted(_ENGINES))} as engine, found {name}")
            is_engine = before == "ENGINE" and token["mark"] == "="
            before, last = word, name
        for text in texts:
            # The structure of a table function may contain DEFAULT expressions, and `format` may read Values with SQL.
            if (has_format or _EXPRESSION.search(text)) and (match := self._in_text.search(text)):
                raise ForbiddenError(f"{match.group()}…) in a text is not allowed here")

    def check_values(self, rows: bytes, canonical: Callable[[str], str]) -> None:
        """Raise ForbiddenError for rows of Values, which may contain expressions and are checked like a SELECT."""
        if expressions := rows.strip(b" \t\r\n,;"):
            self.check(b"SELECT " + expressions, (), canonical)


def _plain(text: str) -> str:
    """Return a quoted text without escapes, as far as these could hide a name."""
    text = re.sub(r"\\x([0-9a-fA-F]{2})", lambda match: chr(int(match[1], 16)), text)
    return text.replace("\\", "").replace("''", "'").replace("``", "`")


def write_configuration(data: Path, max_execution_seconds: int) -> Path:
    """Write the engine's configuration for `data` and return its path."""
    memory = max(LEAST_MEMORY_BYTES, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)
    bounds = {
        "max_memory_usage": (1, memory, memory),
        "max_result_bytes": (1, MAX_RESULT_BYTES, MAX_RESULT_BYTES),
    }
    if max_execution_seconds:
        bounds["max_execution_time"] = (1, max_execution_seconds, max_execution_seconds)
    defaults = "".join(f"<{name}>{value}</{name}>" for name, (_, _, value) in bounds.items())
    limits = "".join(f"<{name}><min>{low}</min><max>{high}</max></{name}>" for name, (low, high, _) in bounds.items())
    fixed = "".join(f"<{name}><readonly/></{name}>" for name in (*_FIXED, "result_overflow_mode"))
    (data / "front-users.xml").write_text(
        f"""<clickhouse>
<profiles><default>{defaults}{_OFF}
<constraints>{limits}{fixed}</constraints></default></profiles>
<users><default><password></password><networks><ip>::/0</ip></networks><profile>default</profile>
<quota>default</quota><grants><query>GRANT {_RIGHTS} ON *.*</query></grants></default></users>
<quotas><default></default></quotas>
</clickhouse>
"""
    )
    configuration = data / "front-config.xml"
    configuration.write_text(
        """<clickhouse>
<default_database>_front</default_database><database>_front</database>
<user_directories><users_xml><path>front-users.xml</path></users_xml></user_directories>
</clickhouse>
"""
    )
    return configuration


def keep_default_plain(data: Path) -> None:
    """Make `default` an ordinary database, before the engine starts.

    Otherwise the engine overlays it with the files of the working directory, which no grant allows to query.
    """
    metadata = data / "metadata"
    definition, link = metadata / "default.sql", metadata / "default"
    if not definition.exists():
        known = link.readlink().name if link.is_symlink() else str(uuid.uuid4())
        metadata.mkdir(parents=True, exist_ok=True)
        definition.write_text(f"ATTACH DATABASE _ UUID '{known}'\nENGINE = Atomic\n")
    # The engine creates the link again. With it present at the start, it would overlay the database.
    link.unlink(missing_ok=True)
