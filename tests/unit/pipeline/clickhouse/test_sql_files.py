"""Rules of the SQL files: their content, the files they need, and when a file counts as changed."""

import re
from collections import Counter
from graphlib import CycleError
from pathlib import Path

import pytest

from pipeline.clickhouse.intervals import by_interval
from pipeline.clickhouse.sql_files import (
    NEEDS,
    SUBJECT,
    SqlFile,
    available,
    makers,
    numbered_files,
    statements,
    view_files,
)

ROOT = Path(__file__).resolve().parents[4]
VIEWS = ROOT / "deploy" / "clickhouse" / "views"
COMMENT_OR_TEXT = re.compile(r"--.*$|'(?:[^'\\]|\\.|'')*'", re.MULTILINE)


def faults(texts: dict[str, str]) -> list[str]:
    """Return what violates the rules in files of views: each creates unique objects and names what it needs."""
    made = Counter(
        name
        for text in texts.values()
        for name in re.findall(r"^CREATE .*?(?:VIEW|FUNCTION) (\w+)", text, re.MULTILINE)
    )
    found = [f"{name} is made {count} times" for name, count in made.items() if count > 1]
    homes = {name: file for file, text in texts.items() for name in SUBJECT.findall(text)}
    for file, text in texts.items():
        named = {need for line in NEEDS.findall(text) for need in line.split(", ")}
        used = set(re.findall(r"\b(?:FROM|JOIN)\s+(\w+)|\b(\w+)\(", COMMENT_OR_TEXT.sub("", text)))
        needed = {homes[name] for pair in used for name in pair if name in homes} - {file}
        found += [f"{file} needs {need}" for need in sorted(needed - named)]
        found += [f"{file} does not need {need}" for need in sorted(named - needed)]
    return found


def files_of_views() -> dict[str, str]:
    """Return the text of each file, with every view that it creates written out."""
    return {
        path.stem: "".join(
            f"{view};\n" for statement in statements(path.read_text()) for view in by_interval(statement)
        )
        for path in VIEWS.glob("*.sql")
    }


def test_files_of_views_name_what_they_need_and_create_nothing_twice() -> None:
    assert faults(files_of_views()) == []


@pytest.mark.parametrize(
    ("file", "planted", "fault"),
    [
        ("spikes", "CREATE OR REPLACE VIEW backlog_age AS SELECT 1;\n", "backlog_age is made 2 times"),
        ("spikes", "CREATE OR REPLACE VIEW more AS SELECT * FROM rolling;\n", "spikes needs rolling"),
        ("spikes", "CREATE OR REPLACE VIEW more AS SELECT 1 JOIN\n    horizon;\n", "spikes needs watermarks"),
        ("spikes", "CREATE OR REPLACE VIEW more AS SELECT unexpired(map(), now());\n", "spikes needs functions"),
        ("spikes", "-- needs: backlog\n", "spikes does not need backlog"),
    ],
)
def test_a_planted_fault_is_detected(file: str, planted: str, fault: str) -> None:
    texts = files_of_views()
    assert faults(texts | {file: texts[file] + planted}) == [fault]


def test_a_name_in_a_comment_or_a_string_is_not_a_dependency() -> None:
    texts = files_of_views()
    harmless = (
        "-- FROM rolling\nCREATE OR REPLACE VIEW more (a String COMMENT 'FROM backlog_age') AS SELECT 'JOIN sla';\n"
    )
    assert faults(texts | {"spikes": texts["spikes"] + harmless}) == []


def test_numbered_files_create_tables_and_view_files_create_replaceable_views_and_functions() -> None:
    for file in available():
        kinds = ("CREATE TABLE IF NOT EXISTS", "ALTER TABLE", "RENAME TABLE IF EXISTS")
        for statement in file.statements:
            begun = re.sub(r"^--.*\n|^\n", "", statement, flags=re.MULTILINE)
            assert begun.startswith(kinds if file.number else ("CREATE OR REPLACE VIEW", "CREATE OR REPLACE FUNCTION"))
        # The object created by every statement is known, so that a missing one is noticed.
        assert len(file.subjects()) == len(file.statements) > 0


def test_files_are_ordered_numbered_ones_first_and_each_after_those_it_needs() -> None:
    numbers = [file.number for file in available()]
    assert numbers == [*sorted(filter(None, numbers)), *(number for number in numbers if not number)]
    texts = files_of_views()
    seen = set[str]()
    for file in available():
        if not file.number:
            needs = {need for line in NEEDS.findall(texts[file.name]) for need in line.split(", ")}
            assert needs <= seen
            seen.add(file.name)
    assert seen == texts.keys()


def test_the_files_that_create_a_table_or_a_view_are_known() -> None:
    assert makers()["rejections"] == "0003_create_rejections.sql, 0052_keep_rows_by_the_time_of_writing.sql"
    assert makers()["sla_by_hour"] == "views/sla.sql"
    assert makers()["histogram_quantile_ms"] == "views/functions.sql"
    # A former name of a renamed table.
    assert makers()["spikes"] == "views/spikes.sql"
    assert makers()["spike_revisions"] == "0041_keep_revisions_apart.sql, 0070_tell_of_what_is_recent.sql"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.sql").write_text("-- needs: c\nCREATE OR REPLACE VIEW a AS SELECT * FROM c;\n")
    (tmp_path / "b.sql").write_text("CREATE OR REPLACE VIEW b AS SELECT 1;\n")
    (tmp_path / "c.sql").write_text("-- needs: d\nCREATE OR REPLACE VIEW c AS SELECT * FROM d;\n")
    (tmp_path / "d.sql").write_text("CREATE OR REPLACE VIEW d AS SELECT 1;\n\nCREATE OR REPLACE VIEW e AS SELECT 2;\n")
    return tmp_path


def test_a_changed_file_changes_its_checksum_and_those_of_its_dependents(folder: Path) -> None:
    before = {file.name: file for file in view_files(folder)}
    assert list(before) == ["b", "d", "c", "a"]
    assert before["d"].statements == ("CREATE OR REPLACE VIEW d AS SELECT 1", "CREATE OR REPLACE VIEW e AS SELECT 2")
    (folder / "c.sql").write_text((folder / "c.sql").read_text().replace("*", "1"))
    after = {file.name: file for file in view_files(folder)}
    assert [name for name in after if after[name].checksum != before[name].checksum] == ["c", "a"]


def test_circular_and_missing_dependencies_are_refused(folder: Path) -> None:
    (folder / "d.sql").write_text("-- needs: a\nCREATE OR REPLACE VIEW d AS SELECT * FROM a;\n")
    with pytest.raises(CycleError):
        view_files(folder)
    (folder / "d.sql").write_text("-- needs: nothing\nCREATE OR REPLACE VIEW d AS SELECT 1;\n")
    with pytest.raises(KeyError, match="nothing"):
        view_files(folder)


def test_a_numbered_file_is_identified_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "0002_alter_things.sql").write_text("-- Why.\nALTER TABLE things ADD COLUMN IF NOT EXISTS a Int64;\n")
    (tmp_path / "0001_make_things.sql").write_text("CREATE TABLE IF NOT EXISTS things (b Int64);\n\n-- The end.\n")
    files = numbered_files(tmp_path)
    assert list(map(str, files)) == ["0001 make_things", "0002 alter_things"]
    assert files[0] == SqlFile(1, "make_things", ("CREATE TABLE IF NOT EXISTS things (b Int64)",))
    assert files[1].subjects() == ["things"]
