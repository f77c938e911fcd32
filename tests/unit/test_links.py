"""Links of the documentation lead to files that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def pages() -> list[Path]:
    folders = (ROOT, ROOT / "docs", ROOT / "deploy", ROOT / "grafana")
    return sorted({page for folder in folders for page in folder.glob("*.md" if folder == ROOT else "**/*.md")})


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_of_a_page_resolves(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_a_broken_link_is_detected() -> None:
    assert LINK.findall("[a](b.md#c), [d](https://e), ![f](g.png)") == ["b.md", "g.png"]
