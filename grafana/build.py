"""Write `grafana/dashboards/*.json` and the alert rules of `deploy/grafana`.

With `--check`, report those that are not up to date and write nothing.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from grafana.alerting import rules
from grafana.boards import backlog, channel_mix, escalations, overview, pipeline, public
from grafana.dashboard import Board, dashboard
from grafana.panels import Json

DASHBOARDS = Path(__file__).parent / "dashboards"
RULES = Path(__file__).parents[1] / "deploy" / "grafana" / "provisioning" / "alerting" / "rules.yaml"
BOARDS: Sequence[Board] = (
    overview.BOARD,
    channel_mix.BOARD,
    backlog.BOARD,
    escalations.BOARD,
    public.BOARD,
    pipeline.BOARD,
)


def built() -> dict[Path, str]:
    """Return the content of each file."""
    boards = [dashboard(board) for board in BOARDS]
    files = {DASHBOARDS / f"{board['uid']}.json": _text(board) for board in boards}
    return files | {RULES: "# Written by grafana/build.py. JSON is YAML.\n" + _text(rules(boards))}


def _text(value: Json) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def main() -> int:
    """Write or check the files. The entry point of `python -m grafana.build`."""
    parser = argparse.ArgumentParser(prog="grafana.build", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file is not up to date")
    is_check = parser.parse_args().check
    different = [
        path for path, text in built().items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if is_check:
        for path in different:
            sys.stderr.write(f"{path}: not up to date; run `python -m grafana.build`\n")
        return min(len(different), 1)
    DASHBOARDS.mkdir(exist_ok=True)
    for path, text in built().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
