"""A list of paths is as good as the photos themselves."""

from pathlib import Path

import pytest

from multiskin.collection.listing import list_photos
from multiskin.errors import UserError


def test_a_list_has_a_path_a_line_beside_whatever_else_is_named(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("\ufeffa b.png\n\n/far/사진.jpg\r\nsub/c.png", encoding="utf-8")
    (tmp_path / "d.png").touch()
    found = list_photos([str(tmp_path / "list.txt"), str(tmp_path / "d.png")], "image")
    assert found == [tmp_path / "a b.png", Path("/far/사진.jpg"), tmp_path / "sub/c.png", tmp_path / "d.png"]


@pytest.mark.parametrize(("content", "reason"), [(b"\n", "no path in it"), (b"caf\xe9.png", "UTF-8"), (None, "gone")])
def test_a_list_of_nothing_is_one_error(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / ("gone.txt" if content is None else "list.txt")
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=reason):
        list_photos([str(path)], "image")
