"""Benchmarks are rerun with the commands recorded in their results."""

import json
import shlex
import sys
from pathlib import Path

import experiments
import pytest
import run
from seeds import RESULTS

SCRIPTS = Path(run.__file__).parent


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_command_of_every_result_names_an_existing_script(path):
    python, script, *_ = run.command(json.loads(path.read_text(encoding="utf-8"))["command"], path.stem)
    assert python == sys.executable
    assert (SCRIPTS / Path(script).name).is_file()


def test_comparisons_run_through_experiments_with_their_options():
    told = "multiskin compare --config configs/isic_abc.yaml --heads '{a: {share: 9}}' --seeds 0 1"
    _, script, *words = run.command(told, "compare_isic_abc")
    assert Path(script).name == "experiments.py"
    assert shlex.join(words) == "compare isic_abc --heads '{a: {share: 9}}' --seeds 0 1"


def test_a_variant_of_a_comparison_keeps_its_name():
    told = "multiskin compare --config configs/skin5_london.yaml --protocol equal-compute"
    _, _, *words = run.command(told, "compare_skin5_london_equal-compute")
    assert shlex.join(words) == "compare skin5_london --variant equal-compute --protocol equal-compute"


def test_results_of_the_same_command_run_it_once(monkeypatch, tmp_path, capsys):
    for name in ("first", "first_tones"):
        (tmp_path / f"{name}.json").write_text(json.dumps({"command": "python benchmarks/first.py", "commit": "c"}))
    ran = []
    monkeypatch.setattr(run, "RESULTS", tmp_path)
    monkeypatch.setattr(run.subprocess, "run", lambda words, check: ran.append(words))
    monkeypatch.setattr(run.readme, "main", lambda: ran.append("readme"))
    monkeypatch.setattr(sys, "argv", ["run.py", "first", "first_tones"])
    run.main()
    assert ran == [(sys.executable, "benchmarks/first.py"), "readme"]
    monkeypatch.setattr(sys, "argv", ["run.py", "second"])
    with pytest.raises(SystemExit):
        run.main()
    assert "no results called second; known are first, first_tones" in capsys.readouterr().err


def test_results_of_other_options_are_not_overwritten(monkeypatch, tmp_path):
    monkeypatch.setattr(experiments, "RESULTS", tmp_path)
    assert not experiments.is_other("compare_a", "multiskin compare --seeds 0")
    (tmp_path / "compare_a.json").write_text(json.dumps({"command": "multiskin compare --jobs 2 --seeds 0"}))
    assert not experiments.is_other("compare_a", "multiskin compare --seeds 0 --jobs 2")
    assert experiments.is_other("compare_a", "multiskin compare --seeds 0 --jobs 2 --distill 3")
