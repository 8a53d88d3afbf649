"""A list of paths stands for its photos."""

from pathlib import Path

import pytest

from multiskin.collection.listing import list_photos
from multiskin.errors import UserError


def test_a_list_has_one_path_per_line_and_can_be_combined_with_other_inputs(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("\ufeffa b.png\n\n/far/사진.jpg\r\nsub/c.png", encoding="utf-8")
    (tmp_path / "d.png").touch()
    found = list_photos([str(tmp_path / "list.txt"), str(tmp_path / "d.png")], "image")
    assert found == [tmp_path / "a b.png", Path("/far/사진.jpg"), tmp_path / "sub/c.png", tmp_path / "d.png"]


@pytest.mark.parametrize(("content", "reason"), [(b"\n", "no path in it"), (b"caf\xe9.png", "UTF-8"), (None, "gone")])
def test_an_empty_or_unreadable_list_gets_one_message(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / ("gone.txt" if content is None else "list.txt")
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=reason):
        list_photos([str(path)], "image")
