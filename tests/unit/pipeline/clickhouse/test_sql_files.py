"""The SQL files: what a file may hold, which others it needs, and when it counts as changed."""

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
    """What files of views do against the rules: each makes things that no other makes, and names what it needs."""
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
    """The text of each file, with every view that it makes written out."""
    return {
        path.stem: "".join(f"{view};\n" for one in statements(path.read_text()) for view in by_interval(one))
        for path in VIEWS.glob("*.sql")
    }


def test_files_of_views_name_what_they_need_and_make_nothing_twice() -> None:
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
def test_a_planted_fault_is_found(file: str, planted: str, fault: str) -> None:
    texts = files_of_views()
    assert faults(texts | {file: texts[file] + planted}) == [fault]


def test_a_word_in_a_comment_or_in_a_text_is_no_need() -> None:
    texts = files_of_views()
    harmless = (
        "-- FROM rolling\nCREATE OR REPLACE VIEW more (a String COMMENT 'FROM backlog_age') AS SELECT 'JOIN sla';\n"
    )
    assert faults(texts | {"spikes": texts["spikes"] + harmless}) == []


def test_numbered_files_make_tables_and_files_of_views_make_views_and_functions_that_may_be_made_again() -> None:
    for file in available():
        kinds = ("CREATE TABLE IF NOT EXISTS", "ALTER TABLE", "RENAME TABLE IF EXISTS")
        for statement in file.statements:
            begun = re.sub(r"^--.*\n|^\n", "", statement, flags=re.MULTILINE)
            assert begun.startswith(kinds if file.number else ("CREATE OR REPLACE VIEW", "CREATE OR REPLACE FUNCTION"))
        # What is made is known for every statement, so that what is missing is noticed.
        assert len(file.subjects()) == len(file.statements) > 0


def test_the_files_come_in_order_numbered_ones_first_and_each_after_those_that_it_needs() -> None:
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


def test_it_is_known_which_files_make_a_table_and_which_one_a_view() -> None:
    assert makers()["rejections"] == "0003_create_rejections.sql, 0052_keep_rows_by_the_time_of_writing.sql"
    assert makers()["sla_by_hour"] == "views/sla.sql"
    assert makers()["histogram_quantile_ms"] == "views/functions.sql"
    # Once a table of this name, which has been renamed.
    assert makers()["spikes"] == "views/spikes.sql"
    assert makers()["spike_revisions"] == "0041_keep_revisions_apart.sql"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.sql").write_text("-- needs: c\nCREATE OR REPLACE VIEW a AS SELECT * FROM c;\n")
    (tmp_path / "b.sql").write_text("CREATE OR REPLACE VIEW b AS SELECT 1;\n")
    (tmp_path / "c.sql").write_text("-- needs: d\nCREATE OR REPLACE VIEW c AS SELECT * FROM d;\n")
    (tmp_path / "d.sql").write_text("CREATE OR REPLACE VIEW d AS SELECT 1;\n\nCREATE OR REPLACE VIEW e AS SELECT 2;\n")
    return tmp_path


def test_a_changed_file_changes_the_checksums_of_itself_and_of_all_that_need_it(folder: Path) -> None:
    before = {file.name: file for file in view_files(folder)}
    assert list(before) == ["b", "d", "c", "a"]
    assert before["d"].statements == ("CREATE OR REPLACE VIEW d AS SELECT 1", "CREATE OR REPLACE VIEW e AS SELECT 2")
    (folder / "c.sql").write_text((folder / "c.sql").read_text().replace("*", "1"))
    after = {file.name: file for file in view_files(folder)}
    assert [name for name in after if after[name].checksum != before[name].checksum] == ["c", "a"]


def test_files_that_need_each_other_or_one_that_is_not_there_are_refused(folder: Path) -> None:
    (folder / "d.sql").write_text("-- needs: a\nCREATE OR REPLACE VIEW d AS SELECT * FROM a;\n")
    with pytest.raises(CycleError):
        view_files(folder)
    (folder / "d.sql").write_text("-- needs: nothing\nCREATE OR REPLACE VIEW d AS SELECT 1;\n")
    with pytest.raises(KeyError, match="nothing"):
        view_files(folder)


def test_a_numbered_file_goes_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "0002_alter_things.sql").write_text("-- Why.\nALTER TABLE things ADD COLUMN IF NOT EXISTS a Int64;\n")
    (tmp_path / "0001_make_things.sql").write_text("CREATE TABLE IF NOT EXISTS things (b Int64);\n\n-- The end.\n")
    files = numbered_files(tmp_path)
    assert list(map(str, files)) == ["0001 make_things", "0002 alter_things"]
    assert files[0] == SqlFile(1, "make_things", ("CREATE TABLE IF NOT EXISTS things (b Int64)",))
    assert files[1].subjects() == ["things"]
