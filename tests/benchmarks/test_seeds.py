"""A result tells the settings of every run that it comes from."""

from pathlib import Path

import seeds
import yaml

from multiskin.run import write_json


def test_what_a_run_has_otherwise_than_the_first_stands_in_the_result(tmp_path: Path) -> None:
    plain = {"seed": 0, "out": "a", "data": {"root": "/photos"}, "model": {"weights": "none"}, "heads": {}}
    plain |= {"recipe": {"loss": "coral", "decision": "median"}, "weighting": None}
    others = {
        "b": {"seed": 1, "out": "b"},
        "c": {"recipe": plain["recipe"] | {"loss": "sord"}, "weighting": "random"},
        "d": {"heads": {"shine": {"share": 2}}},
    }
    for name, settings in {"a": {}, **others}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(yaml.safe_dump(plain | settings))
        write_json(tmp_path / f"{name}.json", {"commit": "x", "threads": 1, "seconds": 5})
    found = seeds._provenance([tmp_path / name for name in "abcd"], "command")
    assert found["config"]["recipe"] == plain["recipe"]
    assert found["otherwise"] == {
        "c": {"recipe": {"loss": "sord"}, "weighting": "random"},
        "d": {"heads": {"shine": {"share": 2}}},
    }
