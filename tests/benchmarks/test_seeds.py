"""Results record the settings of all of their runs."""

from pathlib import Path

import seeds
import yaml

from multiskin.run import write_json

PLAIN = {
    "seed": 0,
    "out": "a",
    "data": {"root": "/photos"},
    "model": {"weights": "none"},
    "heads": {"lines": {"share": 3}},
    "recipe": {"loss": "coral", "decision": "median"},
    "weighting": None,
}
OTHERS = {
    "b": {"seed": 1},
    "c": {"recipe": PLAIN["recipe"] | {"loss": "sord"}, "weighting": "random"},
    "d": {"recipe": PLAIN["recipe"] | {"loss": "sord"}, "weighting": "random", "seed": 1},
    "e": {"heads": {"shine": {"share": 2}}},
    "f": {"heads": {}, "of_a_later_commit": {"x": 1}},
}


def test_settings_that_differ_from_the_first_run_are_recorded(tmp_path: Path) -> None:
    for name, settings in {"a": {}, **OTHERS}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(yaml.safe_dump(PLAIN | settings))
        write_json(tmp_path / f"{name}.json", {"commit": "x", "threads": 1, "seconds": 5})
    found = seeds._provenance([tmp_path / name for name in "abcdef"], "command")
    assert found["config"]["recipe"] == PLAIN["recipe"]
    assert found["otherwise"] == [
        {"runs": ["c", "d"], "settings": {"recipe": {"loss": "sord"}, "weighting": "random"}},
        {"runs": ["e"], "settings": {"heads": {"lines": None, "shine": {"share": 2}}}},
        {"runs": ["f"], "settings": {"heads": {"lines": None}, "of_a_later_commit": {"x": 1}}},
    ]
