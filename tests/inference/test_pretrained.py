"""A model saved as a folder for the hub is loaded unchanged, and its files are validated."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
from safetensors.numpy import load_file

from multiskin.calibration import Calibrator
from multiskin.conformal.prediction import ConformalSets, Threshold
from multiskin.errors import UserError
from multiskin.inference.predictor import Predictor
from multiskin.run import RunFolder

METRICS = {"val": {"heads": {"shine": {"n": 12.0, "p_recall": 0.414, "kappa": None}}}}


@pytest.fixture(scope="session")
def tuned(predictor: Predictor) -> Predictor:
    """A model with everything that can be added after training."""
    calibrator = Calibrator("vector", (0.5, 1, 2, 1, 1), (0.1, 0, 0, 0, 0), (0.2,) * 5, 9)
    thresholds = {name: {"all": Threshold(float("inf"), 3, 4)} for name in predictor.schema.names}
    sets = ConformalSets(predictor.schema, 0.9, None, thresholds)
    decided = predictor.with_decisions({"shine": "argmax"}).with_credit(
        {"lines": ((1, 0.5, 0), (0, 1, 0.5), (0, 0, 1))}
    )
    return replace(decided, calibrators={"shine": calibrator}, conformal=sets)


@pytest.fixture
def folder(tuned: Predictor, tmp_path: Path) -> Path:
    tuned.save_pretrained(tmp_path / "model", METRICS)
    return tmp_path / "model"


def test_a_saved_model_is_loaded_unchanged(tuned: Predictor, folder: Path, photo: np.ndarray) -> None:
    again = Predictor.from_pretrained(folder, "cpu")
    for ours, theirs in zip(tuned.predict_photo(photo), again.predict_photo(photo), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert again.calibrators == tuned.calibrators
    assert again.decisions == tuned.decisions
    assert again.credit == tuned.credit
    assert again.preprocessing == tuned.preprocessing
    assert (again.sets(again.predict_photo(photo)) == tuned.sets(tuned.predict_photo(photo))).all()
    again.save_pretrained(folder.parent / "again", METRICS)
    for path in folder.iterdir():
        assert (folder.parent / "again" / path.name).read_bytes() == path.read_bytes()


def test_files_are_those_of_the_hub(tuned: Predictor, folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    assert set(load_file(folder / "model.safetensors")) == {f"net.{name}" for name in tuned.net.state_dict()}
    json.loads((folder / "config.json").read_text(), parse_constant=pytest.fail)
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: multiskin\n")
    for words in ("**shine**", "validation, **shine**: photos 12, P-Recall 0.41\n", "No medical device", "90%"):
        assert words in card


def test_commands_accept_it_like_a_checkpoint(folder: Path, checkpoint: Path, tmp_path: Path) -> None:
    assert RunFolder.checkpoint_at(folder) == folder
    assert RunFolder.checkpoint_at(checkpoint) == checkpoint
    with pytest.raises(UserError, match="no run here"):
        RunFolder.checkpoint_at(tmp_path)


def test_a_network_that_was_not_loaded_cannot_be_saved(predictor: Predictor, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="blueprint"):
        replace(predictor, blueprint=None).save_pretrained(tmp_path / "model")


def set_in(*keys: str, value: object) -> Callable[[dict], None]:
    def change(content: dict[str, Any]) -> None:
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        set_in("library_name", value="timm"),
        set_in("blueprint", value=[]),
        set_in("blueprint", "schema", value={"attributes": []}),
        set_in("blueprint", "model", "backbone", value="hf-hub:someone/else"),
        set_in("blueprint", "model", "backbone", value=["a"]),
        set_in("blueprint", "counts", value=[]),
        set_in("blueprint", "recipes", value=[{"loss": "corn"}, {}]),
        set_in("preprocessing", "input_size", value=10**9),
        set_in("preprocessing", "std", value=[1, 0, 1]),
        set_in("calibration", "shine", "weight", value=[1.0]),
        set_in("calibration", "shine", "bias", value=["a"] * 5),
        set_in("calibration", "other", value={}),
        set_in("decisions", value={"shine": "mode"}),
        set_in("decisions", value={"other": "median"}),
        set_in("conformal", "heads", value={}),
    ],
)
def test_malformed_content_gets_one_message(folder: Path, change: Callable[[dict], None]) -> None:
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError):
        Predictor.from_pretrained(folder, "cpu")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_damaged_or_missing_file_gets_one_message(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"\x80\x04 not it")
    with pytest.raises(UserError, match=r"model: damaged"):
        Predictor.from_pretrained(folder, "cpu")
    (folder / name).unlink()
    with pytest.raises(UserError, match=name.replace(".", r"\.") + "|damaged"):
        Predictor.from_pretrained(folder, "cpu")


def test_a_repository_is_downloaded_once_and_not_at_all_offline(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, asked = tmp_path / "cache", []

    def snapshot(name: str, *, allow_patterns: list[str], local_files_only: bool = False) -> str:
        asked.append((name, tuple(allow_patterns), local_files_only))
        if not local_files_only:
            shutil.copytree(folder, cache)
        if not cache.is_dir():
            raise FileNotFoundError(name)
        return str(cache)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    with pytest.raises(UserError, match="not on this machine"):
        Predictor.from_pretrained("owner/name", "cpu", offline=True)
    for _ in range(2):
        Predictor.from_pretrained("owner/name", "cpu")
    files = ("model.safetensors", "config.json")
    assert asked == [("owner/name", files, local) for local in (True, True, False, True)]
    for name in ("owner/name/more", "../owner", "owner"):
        with pytest.raises(UserError, match="no such folder"):
            Predictor.from_pretrained(name, "cpu")
    assert len(asked) == 4


@pytest.mark.parametrize("missing", ["model.safetensors", "config.json"])
def test_a_partly_cached_repository_is_fetched_again(
    missing: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an interrupted download, or a download of single files with another program."""
    cache = tmp_path / "cache"
    shutil.copytree(folder, cache)
    (cache / missing).unlink()

    def snapshot(_: str, *, allow_patterns: list[str], local_files_only: bool = False) -> str:
        if not local_files_only:
            for name in allow_patterns:
                shutil.copy(folder / name, cache)
        return str(cache)  # huggingface_hub does not always notice that a cached folder is incomplete

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    with pytest.raises(UserError, match="not on this machine"):
        Predictor.from_pretrained("owner/name", "cpu", offline=True)
    Predictor.from_pretrained("owner/name", "cpu")
    assert (cache / missing).is_file()
