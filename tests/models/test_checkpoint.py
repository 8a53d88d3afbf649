"""A checkpoint is written whole or not at all, and the original error of a failed write is reported."""

from pathlib import Path
from typing import BinaryIO

import pytest
import torch

from multiskin.models.checkpoint import read_checkpoint, write_checkpoint

CONTENT = {"blueprint": {}, "preprocessing": {}, "state_dict": {"net.weight": torch.ones(2)}}


def test_a_written_checkpoint_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "model.ckpt"
    write_checkpoint(CONTENT, path)
    assert read_checkpoint(path)["state_dict"]["net.weight"].tolist() == [1, 1]
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_is_reported_although_torch_complains_about_its_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.ckpt"
    write_checkpoint(CONTENT, path)

    def full(_: object, file: BinaryIO) -> None:
        try:
            raise OSError(28, "No space left on device")
        finally:
            raise RuntimeError("unexpected pos 64 vs 0")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match=r"No space left on device: .*model\.ckpt"):
        write_checkpoint({}, path)
    monkeypatch.undo()
    assert read_checkpoint(path).keys() == CONTENT.keys()


def test_an_error_raised_while_another_is_handled_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        try:
            raise KeyError("a default")
        except KeyError:  # as a signal handler does that reports a lost process
            raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed.")  # noqa: B904

    monkeypatch.setattr(torch, "save", stopped)
    with pytest.raises(RuntimeError, match="DataLoader worker"):
        write_checkpoint({}, tmp_path / "model.ckpt")
