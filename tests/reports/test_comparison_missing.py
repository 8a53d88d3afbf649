from pathlib import Path

import pytest

from multiskin.reports.comparison_missing import with_relative_paths


@pytest.mark.parametrize("asked", ["out", "deep/out"])
def test_files_are_named_as_they_are_found_from_the_page(asked: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = Path(asked)
    reasons = {
        "whole": f"--out {tmp_path}/{asked}/runs/x: no room",
        "as asked": f"{asked}/runs/x.log: gone",
        "another": "/mnt/layout/x.jpg: not a picture",
    }
    assert with_relative_paths(reasons, root) == {
        "whole": "--out runs/x: no room",
        "as asked": "runs/x.log: gone",
        "another": "/mnt/layout/x.jpg: not a picture",
    }
