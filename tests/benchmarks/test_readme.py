"""The README's links resolve, and its tables match the result files."""

import re
from collections import Counter
from pathlib import Path

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
