"""`sichtflug evaluate` reads counts and events of several kinds, finds a planted burst, and refuses other files."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from rich.console import Console

from benchmarks.spikes.series import draw
from pipeline.commands.evaluate import evaluate
from pipeline.errors import SettingsError
from pipeline.evaluation.counts_file import CountsFileError, read_counts

START = datetime(2024, 3, 4, tzinfo=UTC)
MINUTE = 60


def shown(path: Path, false_episodes_per_week: float = 1.0, zone: str = "UTC") -> str:
    written = io.StringIO()
    evaluate(path, false_episodes_per_week, zone, [], None, Console(file=written, width=200))
    return written.getvalue()


def test_a_planted_burst_is_found_told_and_drawn(tmp_path: Path) -> None:
    chance, file = Random(3), tmp_path / "counts.csv"
    burst = range(10 * 288 + 100, 10 * 288 + 106)
    rows = [
        f"{START + timedelta(minutes=5 * number)},{draw(chance, 60.0 if number in burst else 8.0, 1.5)}"
        for number in range(12 * 288)
    ]
    file.write_text("timestamp,value\n" + "\n".join(rows) + "\n")
    told = shown(file, 0.1)
    # The eleventh day, 100 · 5 min = 8:20, six rows long.
    assert "2024-03-14 08:20 │ 5 min         │ 30 min " in told
    # Twelve days, of which one is learned first: 11 / 7 = 1.6 weeks.
    assert "1 episode in 1.6 weeks watched: 0.64 false ones a week if all are false; the budget is 0.1." in told
    drawing = file.with_suffix(".svg").read_text()
    assert drawing.count('class="episode"') == 1
    assert drawing.count("Week of") == 2


@pytest.mark.parametrize(
    ("text", "bin_seconds", "counts"),
    [
        # One event a row: two in the first minute, none in the second, one in the third.
        ("at\n2024-03-04T00:00:10Z\n2024-03-04 00:00:50\n1709510520\n", 60, [2, 0, 1]),
        # Half hours: seven are two, two, two and one... in two quarters: four and three.
        ("t,n\n2024-03-04 00:00,7\n2024-03-04 00:30,2\n", 900, [4, 3, 1, 1]),
        # Epoch milliseconds, unordered, one time twice, in rows of five minutes.
        ("1709510700000,1\n1709510400000,2\n1709510400000,3\n", 300, [5, 1]),
        ("1709510400,2.0,further\n1709510460,3,cells\n", 60, [2, 3]),
        # Twenty minutes are four bins of five, ten minutes two.
        ("1709510400,6\n1709511600,4\n", 300, [2, 2, 1, 1, 1, 1, 1, 1]),
        ("1709510400,3\n1709511000,2\n", 300, [2, 1, 1, 1]),
    ],
)
def test_files_of_several_kinds_are_read(tmp_path: Path, text: str, bin_seconds: int, counts: list[int]) -> None:
    file = tmp_path / "file.csv"
    file.write_text(text)
    found = read_counts(file)
    first = int(START.timestamp()) // bin_seconds
    assert found.bin_seconds == bin_seconds
    assert found.counts == {first + number: count for number, count in enumerate(counts)}


def test_bins_that_are_missing_are_unknown_and_not_zero(tmp_path: Path) -> None:
    file = tmp_path / "file.csv"
    first = int(START.timestamp()) // MINUTE
    # A row of zero shows that those without events are written.
    file.write_text("1709510400,2\n1709510460,0\n1709510580,4\n")
    assert read_counts(file).counts == {first: 2, first + 1: 0, first + 3: 4}
    # With twelve a minute, one without any is not to be expected.
    file.write_text("1709510400,12\n1709510460,13\n1709510580,11\n")
    assert read_counts(file).counts == {first: 12, first + 1: 13, first + 3: 11}


def test_rows_without_events_that_were_left_out_count_as_zero(tmp_path: Path) -> None:
    file = tmp_path / "file.csv"
    file.write_text("1709510400,2\n1709510460,3\n1709510580,4\n")
    first = int(START.timestamp()) // MINUTE
    found = read_counts(file)
    assert found.counts == {first: 2, first + 1: 3, first + 2: 0, first + 3: 4}
    assert found.zero_count == 1


def test_a_rare_series_without_its_zeros_is_read_by_minute(tmp_path: Path) -> None:
    """Five weeks at 0.15 a minute, minutes without events left out, as a database groups them."""
    chance, file = Random(7), tmp_path / "counts.csv"
    minutes = [number for number in range(5 * 7 * 1_440) if chance.random() < 0.14]
    file.write_text("minute,count\n" + "\n".join(f"{START + timedelta(minutes=m)},1" for m in minutes))
    found = read_counts(file)
    assert found.bin_seconds == MINUTE
    assert len(found.counts) == minutes[-1] - minutes[0] + 1
    told = shown(file)
    assert f"{found.zero_count} of them are missing in the file and count as zero" in told
    # From a day after the first count on: 34 days of 35.
    assert "in 4.9 weeks watched" in told
    assert "Silence is not judged here." in told


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("t,n\n2024-03-04,x\n", "line 2: expected a count, a whole number from 0 on, got 'x'"),
        ("t,n\n2024-03-04,1.5\n", "line 2: expected a count"),
        ("t,n\n2024-03-04,-1\n", "line 2: expected a count"),
        ("t,n\n2024-03-04,nan\n", "line 2: expected a count"),
        ("t,n\n2024-03-04,1\nyesterday,1\n", "line 3: expected a time from 2000 to 2099, such as"),
        ("t,n\n2024-03-04,1\n2024-03-05\n", "line 3: expected a time and a count"),
        ("t,n\n2024-03-04,1\n2024-03-05,1\n", "expected a row at least every hour, found every 86400 s"),
        ("t,n\n2024-03-04,1\n", "expected rows of several times, found one"),
        ("t,n\n1709510400,1\n1709510407,1\n", "expected a row every so many minutes"),
        ("t,n\n", "expected rows of a time and a count"),
        ("t,n\n1e300,1\n", "line 2: expected a time"),
        ("t,n\n0001-01-01T00:00:00+14:00,1\n", "line 2: expected a time"),
        ("t,n\n9999-12-31T23:00:00-12:00,1\n", "line 2: expected a time"),
        # A day written as a number, and the columns the other way round.
        ("20240304,1\n20240305,1\n", "line 1: expected a time"),
        ("17,2024-03-04 00:00\n18,2024-03-04 00:05\n", "line 1: expected a time"),
        # Microseconds, which would be in the year 56,000.
        ("t,n\n1709510400000000,1\n", "line 2: expected a time"),
        ("2024-13-45 00:00,1\n2024-03-04,1\n", "line 1: expected a time"),
        ("", "expected rows of a time and a count"),
        ("t,n\ninf,1\n", "line 2: expected a time"),
    ],
)
def test_what_is_no_series_of_counts_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "file.csv"
    file.write_text(text)
    with pytest.raises(CountsFileError) as refused:
        read_counts(file)
    assert message in str(refused.value)
    assert str(file) in str(refused.value)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="expected a file of counts, got"):
        shown(tmp_path)
    with pytest.raises(SettingsError, match="expected a file of counts, got"):
        shown(Path())


def test_a_file_that_is_missing_or_binary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CountsFileError, match="expected a readable CSV file"):
        read_counts(tmp_path / "none.csv")
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00\x81,1\n")
    with pytest.raises(CountsFileError, match="expected a readable CSV file"):
        read_counts(binary)


@pytest.mark.parametrize(("budget", "zone"), [(0.0, "UTC"), (1.0, "Mars/Base")])
def test_impossible_options_are_refused(tmp_path: Path, budget: float, zone: str) -> None:
    with pytest.raises(SettingsError, match="expected"):
        shown(tmp_path / "file.csv", budget, zone)


def test_a_log_of_events_that_was_interrupted_has_unknown_minutes(tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    file.write_text("946684800\n1709510400\n1709510520\n")
    first = int(START.timestamp()) // MINUTE
    assert read_counts(file).counts == {946_684_800 // MINUTE: 1, first: 1, first + 1: 0, first + 2: 1}


def test_the_picture_never_replaces_the_counts_and_needs_a_writable_place(tmp_path: Path) -> None:
    file = tmp_path / "counts.svg"
    file.write_text("1709510400,2\n1709510460,3\n")
    with pytest.raises(SettingsError, match="expected another file than the counts"):
        shown(file)
    assert file.read_text().startswith("1709510400")
    with pytest.raises(SettingsError, match="expected a file that can be written"):
        evaluate(file, 1.0, "UTC", [], tmp_path / "none" / "x.svg", Console(file=io.StringIO()))
    with pytest.raises(SettingsError, match="expected a file that can be written"):
        evaluate(file, 1.0, "UTC", [], tmp_path, Console(file=io.StringIO()))


def test_the_largest_budget_is_evaluated(tmp_path: Path) -> None:
    chance, file = Random(5), tmp_path / "counts.csv"
    rows = (
        f"{1_709_510_400 + 300 * number},{chance.randrange(3, 10) * (10 if 4_000 <= number < 4_030 else 1)}"
        for number in range(20 * 288)
    )
    file.write_text("\n".join(rows))
    assert "the budget is 100" in shown(file, 100.0)


def test_counts_beyond_32_bits_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "counts.csv"
    file.write_text("\n".join(f"{1_709_510_400 + 300 * number},{2**31}" for number in range(3 * 288)))
    assert "0 episodes" in shown(file)
