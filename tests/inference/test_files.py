"""Inputs of the command line are resolved to photos, in order."""

import unicodedata
from pathlib import Path

import pandas as pd
import pytest

from multiskin.data.images import SUFFIXES
from multiskin.errors import UserError
from multiskin.inference.files import find_photos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.JPG", "a.png", "김/이마.webp", "김/deep/c.tiff", "notes.txt", ".hidden"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_a_folder_stands_for_all_pictures_below_it(folder: Path) -> None:
    found = [path.relative_to(folder).as_posix() for path in find_photos([folder])]
    assert found == ["a.png", "b.JPG", "김/deep/c.tiff", "김/이마.webp"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_picture_format_is_found(suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"photo{suffix}").touch()
    assert find_photos([tmp_path]) == [tmp_path / f"photo{suffix}"]


def test_a_file_stands_for_itself_whatever_its_suffix(folder: Path) -> None:
    (folder / "photo.dat").touch()
    assert find_photos([folder / "photo.dat", folder / "a.png"]) == [folder / "photo.dat", folder / "a.png"]


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_a_table_stands_for_the_paths_in_its_column_relative_to_its_folder(name: str, folder: Path) -> None:
    table = pd.DataFrame({"photo": ["김/이마.webp", None, "gone.png", str(folder / "b.JPG")], "shine": [1, 2, 3, 4]})
    write = table.to_csv if name.endswith("csv") else table.to_parquet
    write(folder / "김" / name, index=False)
    expected = [folder / "김" / "김/이마.webp", folder / "김" / "gone.png", folder / "b.JPG"]
    assert find_photos([folder / "김" / name], column="photo") == expected


def test_a_table_may_have_decomposed_letters_where_the_disk_has_composed_ones(folder: Path) -> None:
    (folder / "table.csv").write_text(unicodedata.normalize("NFD", "image\n김/이마.webp\n"), encoding="utf-8")
    assert find_photos([folder / "table.csv"]) == [folder / "김/이마.webp"]


def test_no_row_of_a_table_is_silently_left_out(folder: Path) -> None:
    (folder / "table.csv").write_text("image,shine\na.png,1\nb.JPG,1,5\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"table\.csv: row 3: 3 cells under 2 headings; put cells"):
        find_photos([folder / "table.csv"])


def test_a_list_has_one_path_per_line_relative_to_its_folder(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("\ufeffa b.png\n\n/far/사진.jpg\r\nsub/c.png", encoding="utf-8")
    (tmp_path / "d.png").touch()
    found = find_photos([tmp_path / "list.txt", tmp_path / "d.png"])
    assert found == [tmp_path / "a b.png", Path("/far/사진.jpg"), tmp_path / "sub/c.png", tmp_path / "d.png"]


@pytest.mark.parametrize(("content", "reason"), [(b"\n", "no picture in .*list.txt"), (b"caf\xe9.png", "UTF-8")])
def test_an_empty_or_unreadable_list_gets_one_message(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(UserError, match=reason):
        find_photos([tmp_path / "list.txt"])


def test_several_inputs_keep_their_order(folder: Path) -> None:
    (folder / "table.csv").write_text("image\nb.JPG\n", encoding="utf-8")
    found = find_photos([folder / "김", str(folder / "a.png"), folder / "table.csv"])
    assert [path.name for path in found] == ["c.tiff", "이마.webp", "a.png", "b.JPG"]


def test_the_error_for_an_unknown_column_suggests_a_known_one(folder: Path) -> None:
    (folder / "table.csv").write_text("images,shine\nb.JPG,1\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"table\.csv: unknown column 'image': did you mean 'images'\?.*shine"):
        find_photos([folder / "table.csv"])


@pytest.mark.parametrize("name", ["gone", "gone.png", "gone.csv", "gone.txt"])
def test_the_error_for_a_missing_path_names_it(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"{name}: "):
        find_photos([tmp_path / name])


def test_it_is_an_error_if_there_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("image,shine\n,3\n", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no picture in .*empty, .*table\.csv; pictures end in \.jpg"):
        find_photos([tmp_path / "empty", tmp_path / "table.csv"])
