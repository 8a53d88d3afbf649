"""The work of processes on a chunk, here in this process and without a cluster."""

from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("ray", reason="pip install 'multiskin[ray]'")

from multiskin.collection import stream
from multiskin.collection.begun import TRIES, Begun
from multiskin.collection.rows import to_csv
from multiskin.collection.stream import ReadingScorer, Row
from multiskin.inference.files import find_photos
from multiskin.inference.predictor import Predictor


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream.ray, "get", lambda answer: answer)


def counting() -> SimpleNamespace:
    """Imitates the calls of the counting actor."""
    return SimpleNamespace(too_often=SimpleNamespace(remote=Begun().too_often))


def row_of(names: list[str]) -> Row:
    return {"part": 2, "first": 8, "names": names}


def test_one_process_gives_the_same_rows_as_predict(noise_checkpoint: Path, noise: Path) -> None:
    predictor = Predictor.from_checkpoint(noise_checkpoint, "cpu")
    names = [str(path) for path in find_photos([str(noise)])][14:20]  # of which 17 is broken
    found = ReadingScorer(lambda: predictor, predictor.transform(), str(noise), counting())(row_of(names))
    expected = to_csv(predictor.predict_files(names, batch_size=len(names)), predictor.schema, False)
    assert found == {"part": 2, "first": 8, "csv": expected, "trouble": ""}


class Died(BaseException):
    """Stands for the death of a process, after which it cannot report anything."""


def scorer_with(error: BaseException, work: str, predictor: Predictor) -> ReadingScorer:
    """A scorer that raises the error in reading or in scoring."""

    def fail(*_: object, **__: object) -> None:
        raise error

    load, transform = (lambda: predictor, fail) if work == "read" else (fail, predictor.transform())
    return ReadingScorer(load, transform, "/", counting())


@pytest.mark.parametrize("work", ["read", "score"])
def test_a_chunk_is_given_up_after_several_processes_died(noise_checkpoint: Path, noise: Path, work: str) -> None:
    scorer = scorer_with(Died(), work, Predictor.from_checkpoint(noise_checkpoint, "cpu"))
    row = row_of([str(noise / "00.png")])
    for _ in range(TRIES):
        with pytest.raises(Died):
            scorer(row)
    assert scorer(row) == {"part": 2, "first": 8, "csv": "", "trouble": ""}


@pytest.mark.parametrize("work", ["read", "score"])
def test_unexpected_errors_are_returned(noise_checkpoint: Path, noise: Path, work: str) -> None:
    predictor = Predictor.from_checkpoint(noise_checkpoint, "cpu")
    found = scorer_with(ValueError("no room on the moon"), work, predictor)(row_of([str(noise / "00.png")]))
    assert found["csv"] == ""
    assert "no room on the moon" in found["trouble"]
