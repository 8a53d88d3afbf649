"""Train, look at the errors, correct grades and leave some out, train again, and compare the two runs."""

import pandas as pd
import pytest

from multiskin.cli import main


def run(*arguments):
    return main([str(argument) for argument in arguments])


@pytest.mark.slow
def test_the_commands_of_a_second_run(write_settings, photos, tmp_path, capsys):
    model = {"backbone": "test_efficientnet", "weights": "none", "input_size": 48}
    config = write_settings(tmp_path, model=model, trainer={"max_epochs": 1, "accelerator": "cpu"})
    first, second = tmp_path / "first", tmp_path / "second"
    assert run("fit", "--config", config, "--out", first) == 0
    assert run("errors", first, "--side", "val", "--examples", 0) == 0
    [wrong] = pd.read_csv(first / "errors-val.csv")["image"][:1]
    corrections, out = tmp_path / "corrections.csv", tmp_path / "out.csv"
    pd.DataFrame({"image": [wrong], "shine": ["3"], "lines": ["none"]}).to_csv(corrections, index=False)
    pd.DataFrame({"image": photos.side("train").paths[:1], "attribute": ""}).to_csv(out, index=False)
    lists = ("--data.relabel", corrections, "--data.exclude", out)
    assert run("fit", "--config", config, *lists, "--out", second) == 0
    assert run("difference", first, second) == 0
    assert "True grades differ between the runs" not in capsys.readouterr().out
    assert run("difference", first, second, "--side", "val") == 0
    assert "True grades differ between the runs" in capsys.readouterr().out
