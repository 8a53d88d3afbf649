"""Timing of exported models by their commands."""

from pathlib import Path

import export
import pytest


def test_a_command_that_fails_is_reported(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"predict .*nowhere.onnx .* exited with 2"):
        export.seconds_to_first_score(tmp_path / "nowhere.onnx", tmp_path / "photo.jpg")
