"""Photos without a face for the evaluation of detectors."""

from pathlib import Path

import skin_mask


def test_photos_are_found_by_suffix_in_any_case_and_evenly_spaced(tmp_path: Path) -> None:
    for name in ("a.JPG", "b.jpg", "c.PNG", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in skin_mask.evenly(tmp_path, most=9)] == ["a.JPG", "b.jpg", "c.PNG"]
    assert [path.name for path in skin_mask.evenly(tmp_path, most=2)] == ["a.JPG", "c.PNG"]
    assert skin_mask.evenly(None, most=2) == []
