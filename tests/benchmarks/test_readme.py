"""The README's links resolve, and its tables match the result files."""

import re
from collections import Counter
from pathlib import Path

import pytest
import readme
from tables import table

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
PROSE = re.sub(r"^```.*?^```", "", TEXT, flags=re.MULTILINE | re.DOTALL)


def anchor(heading: str) -> str:
    """The anchor that GitHub derives from a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_links_point_to_a_section_or_a_file() -> None:
    sections = Counter(anchor(heading) for heading in re.findall(r"^#+ (.+)$", PROSE, re.MULTILINE))
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", PROSE) if not target.startswith("https://")]
    assert targets
    for target in targets:
        if target.startswith("#"):
            assert sections[target[1:]] == 1, target
        else:
            assert (ROOT / target).is_file(), target


def test_mentioned_configs_exist() -> None:
    named = set(re.findall(r"configs/[\w/]+\.yaml", TEXT))
    assert named
    assert [path for path in sorted(named) if not (ROOT / path).is_file()] == []


def test_tables_match_the_results() -> None:
    blocks = re.findall(r"^<!-- (\w[\w-]*) -->\n(.*?)^<!-- /\1 -->$", TEXT, re.MULTILINE | re.DOTALL)
    assert len(blocks) == len(re.findall("^<!-- /", TEXT, re.MULTILINE))
    for name, written in blocks:
        expected = "\n".join(table(ROOT / "benchmarks" / "results" / f"{name}.json"))
        assert written == f"{expected}\n", f"{name}: run python benchmarks/readme.py"


def test_a_table_without_its_closing_comment_loses_nothing(monkeypatch, tmp_path) -> None:
    text = "# Title\n\n<!-- first -->\n| old |\n\nThe rest of the text.\n"
    path = tmp_path / "README.md"
    path.write_text(text)
    (tmp_path / "first.json").write_text("{}")
    monkeypatch.setattr(readme, "README", path)
    monkeypatch.setattr(readme, "RESULTS", tmp_path)
    monkeypatch.setattr(readme, "table", lambda _: ["| new |"])
    with pytest.raises(SystemExit, match=r"README\.md: no <!-- /first --> after <!-- first -->; add it"):
        readme.main()
    assert path.read_text() == text
    path.write_text(text.replace("| old |\n", "| old |\n<!-- /first -->\n"))
    readme.main()
    assert path.read_text() == "# Title\n\n<!-- first -->\n| new |\n<!-- /first -->\n\nThe rest of the text.\n"
