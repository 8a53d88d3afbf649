"""The options of prediction with an engine, and the messages for mistakes; no process is started."""

import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from multiskin.cli import main
from multiskin.cli.collecting import (
    ENGINE_OPTIONS,
    PREDICTION_OPTIONS,
    RUN_OPTIONS,
    add_engine_options,
    load_for_engine,
    predict_collection,
)
from multiskin.cli.parsers import Parser
from multiskin.errors import UserError
from multiskin.run import RunFolder


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--engine", "ray"], ["--out", "folder"]),
        (["--engine", "spark"], ["--engine", "ray"]),
        (["--part_rows", "10"], ["--part_rows", "--engine ray"]),
        (["--address", "auto"], ["--address", "--engine ray"]),
        (["--memory", "500"], ["--memory", "--engine ray"]),
        (["--engine", "ray", "--out", "o", "--memory", "99"], ["--memory", "100"]),
        (["--engine", "ray", "--out", "o", "--part_rows", "0"], ["--part_rows"]),
        (["--engine", "ray", "--out", "o", "--num_workers", "0"], ["--num_workers"]),
        (["--engine", "ray", "--out", "o", "--device", "cuda:1"], ["--device", "cuda:1"]),
        (["--engine", "ray", "--out", "o", "--address", "auto", "--memory", "500"], ["--memory", "auto"]),
    ],
)
def test_mistakes_get_one_message(arguments: list[str], words: list[str], capsys: pytest.CaptureFixture) -> None:
    assert main(["predict", "model.ckpt", "nowhere.png", *arguments]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert [word for word in words if word not in message] == []


def test_an_onnx_file_is_refused(capsys: pytest.CaptureFixture) -> None:
    assert main(["predict", "model.onnx", "nowhere.png", "--engine", "ray", "--out", "o"]) == 2
    assert "run folder or a checkpoint" in capsys.readouterr().err


def test_without_ray_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "ray"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["predict", "model.ckpt", "nowhere.png", "--engine", "ray", "--out", "o"]) == 2
    assert "pip install 'multiskin[ray]'" in capsys.readouterr().err


def test_an_option_that_the_engine_does_not_support_is_refused() -> None:
    parser = Parser("predict")
    add_engine_options(parser)
    options = parser.parse_args(["--engine", "ray"])
    options.__dict__ |= {"model": "model.ckpt", "out": "o", "device": "auto", "num_workers": 1, "polish": True}
    with pytest.raises(UserError, match="--polish"):
        predict_collection(options)


def test_the_engine_supports_all_options_of_predict(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[str]] = []
    monkeypatch.setattr("multiskin.cli.measuring.predict_collection", lambda options: seen.append(set(vars(options))))
    assert main(["predict", "model.ckpt", "a.png", "--engine", "ray", "--out", "o"]) == 0
    assert seen[0] == {*RUN_OPTIONS, *ENGINE_OPTIONS, *PREDICTION_OPTIONS}


def test_the_model_has_the_decisions_of_the_options(
    untrained_run: Callable[[float], RunFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "credit.yaml").write_text(f"shine: {[[0, 1, 0, 0, 0]] * 5}")
    asked: list[Namespace] = []
    monkeypatch.setattr("multiskin.cli.measuring.predict_collection", asked.append)
    command = [
        "predict",
        str(untrained_run(1.0).root),
        "a.png",
        "--engine",
        "ray",
        "--out",
        "o",
        "--decision",
        "argmax",
    ]
    assert main([*command, "--credit", str(tmp_path / "credit.yaml")]) == 0
    (tmp_path / "credit.yaml").unlink()  # other machines have no such file
    predictor = load_for_engine(asked[0], "cpu")
    assert predictor.credit == {"shine": ((0.0, 1.0, 0.0, 0.0, 0.0),) * 5}
    assert predictor.decisions == {"shine": "credit", "lines": "argmax"}
