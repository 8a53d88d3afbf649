"""Every mistake in a table is reported with its row and column, all at once."""

import itertools
import unicodedata

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pyarrow import parquet

from multiskin.config import Columns, DataConfig
from multiskin.data.images import read_image
from multiskin.data.manifest import ManifestError, check_training_grades, load_manifest
from multiskin.errors import UserError
from multiskin.schema import Attribute, Schema

SCHEMA = Schema((Attribute("oil", 5), Attribute("wrinkle", 3)))


class Folder:
    """A data folder with four different photos a.png .. d.png and one table."""

    def __init__(self, root):
        self.root = root
        for number, name in enumerate("abcd"):
            self.draw(f"{name}.png", number)

    def draw(self, name, number):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2), (number, 0, 0)).save(path)

    def write(self, table, encoding="utf-8"):
        content = table if isinstance(table, bytes) else table.encode(encoding)
        (self.root / "labels.csv").write_bytes(content)

    def load(self, table, schema=SCHEMA, on_bad_row="error", progress=None, **columns):
        self.write(table)
        config = DataConfig(root=str(self.root), columns=Columns(**columns), on_bad_row=on_bad_row)
        return load_manifest(config, schema, progress)

    def problems(self, table, schema=SCHEMA, **columns):
        """The reported problems of a table, without the name of the file."""
        with pytest.raises(ManifestError) as caught:
            self.load(table, schema, **columns)
        first, *lines = str(caught.value).splitlines()
        assert first.startswith(f"{self.root}/labels.csv: {len(lines)} problem")
        assert all(line.startswith(f"{self.root}/labels.csv: ") for line in lines)
        assert [str(problem) for problem in caught.value.problems] == [line.split(": ", 1)[1] for line in lines]
        return [str(problem) for problem in caught.value.problems]


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


# What a good table says


def test_a_table_becomes_a_manifest(folder):
    manifest, left_out = folder.load(
        "image,oil,wrinkle,side,person,face,sex,age\na.png,3,,train,p1,chin,f,20\nb.png,,2,val,,,m,\nc.png,,,test,p2,,,",
        split="side",
        subject="person",
        part="face",
        groups=["sex", "age"],
    )
    assert left_out == []
    assert len(manifest) == 3
    assert manifest.paths.tolist() == ["a.png", "b.png", "c.png"]
    assert manifest.path(1) == folder.root / "b.png"
    assert manifest.grades.dtype == np.int64
    assert manifest.grades.tolist() == [[3, -1], [-1, 2], [-1, -1]]
    assert manifest.rows.tolist() == [2, 3, 4]
    assert manifest.split.tolist() == ["train", "val", "test"]
    assert manifest.subject.tolist() == ["p1", "", "p2"]
    assert manifest.part.tolist() == ["chin", "", ""]
    assert manifest.groups.to_dict("list") == {"sex": ["f", "m", ""], "age": ["20", "", ""]}
    assert manifest.schema is SCHEMA


def test_columns_that_nobody_named_are_none(folder):
    manifest, _ = folder.load("image,oil,wrinkle\na.png,1,1\n")
    assert manifest.split is None
    assert manifest.subject is None
    assert manifest.part is None
    assert manifest.groups.shape == (1, 0)


def test_selecting_takes_everything_along(folder):
    manifest, _ = folder.load(
        "image,oil,wrinkle,side,sex\na.png,3,,train,f\nb.png,,2,val,m\nc.png,4,1,train,x", split="side", groups=["sex"]
    )
    for chosen in (manifest.select(np.array([2, 0])), manifest.select(manifest.split == "train")):
        assert sorted(chosen.paths) == ["a.png", "c.png"]
        assert len(chosen) == 2
        for i in range(2):
            j = manifest.paths.tolist().index(chosen.paths[i])
            assert chosen.rows[i] == manifest.rows[j]
            assert chosen.split[i] == manifest.split[j]
            assert chosen.grades[i].tolist() == manifest.grades[j].tolist()
            assert chosen.groups.sex[i] == manifest.groups.sex[j]
        assert chosen.subject is None


def test_grades_are_counted_for_each_attribute(folder):
    manifest, _ = folder.load("image,oil,wrinkle\na.png,3,\nb.png,,2\nc.png,3,1\nd.png,0,1")
    assert [count.tolist() for count in manifest.grade_counts()] == [[1, 0, 0, 2, 0], [0, 2, 1]]
    assert [count.tolist() for count in manifest.grade_counts(np.array([0, 1]))] == [[0, 0, 0, 1, 0], [0, 0, 1]]


def test_an_attribute_is_graded_in_the_parts_of_its_graded_photos(folder):
    table = "image,part,oil,wrinkle\na.png,chin,1,\nb.png,side,,2\nc.png,side,3,0\nd.png,chin,0,\n"
    manifest, _ = folder.load(table, part="part")
    assert manifest.graded_parts() == {"oil": ("chin", "side"), "wrinkle": ("side",)}
    assert manifest.select(np.array([0, 3])).graded_parts() == {"oil": ("chin",)}


def test_of_an_attribute_with_a_photo_of_an_unknown_part_nothing_is_said(folder):
    manifest, _ = folder.load("image,part,oil,wrinkle\na.png,chin,1,\nb.png,,,2\nc.png,side,,0\n", part="part")
    assert manifest.graded_parts() == {"oil": ("chin",)}
    without, _ = folder.load("image,oil,wrinkle\na.png,1,2\n")
    assert without.graded_parts() == {}


@pytest.mark.parametrize("cell", ["3", "3.0", " 3 ", "03", "3.", "3.000", '"3"', ' "3"'])
def test_a_whole_number_is_a_grade_however_it_is_written(cell, folder):
    manifest, _ = folder.load(f"image,oil,wrinkle\na.png,{cell},\n")
    assert manifest.grades.tolist() == [[3, -1]]


def test_grades_may_be_names(folder):
    schema = Schema((Attribute("acne", 3, grade_names=("none", "mild", "severe")),))
    manifest, _ = folder.load("image,acne\na.png,severe\nb.png, mild \nc.png,\nd.png,0", schema)
    assert manifest.grades.ravel().tolist() == [2, 1, -1, 0]
    assert folder.problems("image,acne\na.png,Mild", schema) == [
        "row 2, column acne: Mild is not a grade (none, mild, severe or 0..2); "
        "correct it, or leave it blank if it was not graded"
    ]


def test_names_that_are_numbers_stand_for_themselves(folder):
    schema = Schema((Attribute("acne", 4, grade_names=("1", "2", "3", "4")),))
    manifest, _ = folder.load("image,acne\na.png,1\nb.png,4.0", schema)
    assert manifest.grades.ravel().tolist() == [0, 3]
    assert "row 2, column acne: 0 is not a grade (1, 2, 3, 4);" in folder.problems("image,acne\na.png,0", schema)[0]


@pytest.mark.parametrize("names", [("1", "01"), ("1", "1.0"), ("mild", " mild")])
def test_grade_names_that_a_table_cannot_tell_apart_are_an_error(folder, names):
    schema = Schema((Attribute("acne", 2, grade_names=names),))
    with pytest.raises(UserError, match=f"schema: attribute 'acne': grade_names '{names[0]}' and '{names[1]}'"):
        folder.load("image,acne\na.png,1", schema)


def test_an_attribute_may_have_a_heading_of_its_own(folder):
    schema = Schema((Attribute("oil", 5, column="유분 (0-4)"),))
    manifest, _ = folder.load("image,유분 (0-4)\na.png,4", schema)
    assert manifest.grades.tolist() == [[4]]


SPELLINGS = {
    "train": ["train", "Training"],
    "val": ["val", "VAL", "valid", "validation", "dev"],
    "calibrate": ["calibrate", "calibration"],
    "test": ["test", "testing", " test "],
}


@pytest.mark.parametrize(("side", "written"), [(side, word) for side, words in SPELLINGS.items() for word in words])
def test_usual_spellings_of_the_sides_are_understood(side, written, folder):
    manifest, _ = folder.load(f"image,oil,wrinkle,split\na.png,,,{written}", split="split")
    assert manifest.split.tolist() == [side]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_files_of_any_system_are_read(encoding, newline, folder):
    folder.write(newline.join(["image,oil,wrinkle", "a.png,1,2", ""]), encoding)
    manifest, _ = load_manifest(DataConfig(root=str(folder.root)), SCHEMA)
    assert manifest.grades.tolist() == [[1, 2]]


@pytest.mark.parametrize("first", ["sep=,\n", "sep=;\r\n", '"sep=\t"\n', "SEP=|\r"])
def test_the_separator_may_be_named_in_a_first_line_as_excel_does(first, folder):
    table = "image,oil,wrinkle\na.png,1,\nb.png,7,2\n".replace(",", first.strip('"\r\n')[-1])
    left_out = folder.load(first + table, on_bad_row="skip")[1]
    assert [problem.row for problem in left_out] == [3]  # Excel does not show the first line


def test_a_column_may_be_called_sep(folder):
    assert len(folder.load("sep=,image,oil,wrinkle\n5,a.png,1,2\n", ignore=["sep="])[0]) == 1


def test_rows_are_numbered_as_in_a_spreadsheet(folder):
    folder.draw("with,comma.png", 9)
    manifest, _ = folder.load(
        'image , oil,wrinkle,note,,\n\na.png,1,2,"two\nlines",,\n,,,,,\n"with,comma.png",3,1,,\n',
        ignore=["note"],
    )
    assert manifest.rows.tolist() == [3, 5]
    assert manifest.paths.tolist() == ["a.png", "with,comma.png"]


def test_photos_may_lie_anywhere_and_paths_come_from_any_system(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    Folder(elsewhere).draw("sub/x.png", 77)
    folder.draw("한국/사진.png", 78)
    outside = f"../{elsewhere.name}/sub/x.png"
    for path, name in [
        (outside, outside),
        (elsewhere / "sub/x.png", elsewhere / "sub/x.png"),
        ("한국\\사진.png", "한국/사진.png"),
    ]:
        manifest, _ = folder.load(f"image,oil,wrinkle\n{path},1,1")
        np.testing.assert_array_equal(read_image(manifest.path(0)), read_image(folder.root / name))


@pytest.mark.parametrize("columns", [{}, {"box": ["x0", "y0", "x1", "y1"]}])
@pytest.mark.parametrize("of_file", ["NFC", "NFD"])
@pytest.mark.parametrize("of_folder", ["NFC", "NFD"])
def test_a_name_may_be_composed_in_the_table_and_decomposed_on_disk_or_the_reverse(of_folder, of_file, columns, folder):
    folder.draw(f"{unicodedata.normalize(of_folder, '이마')}/{unicodedata.normalize(of_file, 'Zoë.png')}", 9)
    for form in ("NFC", "NFD"):
        name = unicodedata.normalize(form, "이마/Zoë.png")
        box = [f",{corners}" if columns else "" for corners in ("x0,y0,x1,y1", "0,0,1,1")]
        manifest, _ = folder.load(f"image,oil,wrinkle{box[0]}\n{name},1,2{box[1]}", **columns)
        assert manifest.paths[0].startswith(name)
        assert read_image(manifest.path(0))[0, 0].tolist() == [9, 0, 0]


def test_parquet_holds_numbers_and_nulls(folder):
    table = pd.DataFrame(
        {"image": ["a.png", "b.png", "c.png"], "oil": [3, None, 1], "wrinkle": pd.array([None, 2, 0], dtype="Int8")},
        index=[5, 7, 9],  # an index that Parquet keeps as a column
    )
    table.to_parquet(folder.root / "labels.parquet")
    config = DataConfig(root=str(folder.root), manifest="labels.parquet")
    manifest, _ = load_manifest(config, SCHEMA)
    assert manifest.grades.tolist() == [[3, -1], [-1, 2], [1, 0]]
    assert manifest.rows.tolist() == [1, 2, 3]


def test_parquet_is_checked_like_csv(folder):
    table = pd.DataFrame({"image": ["a.png", None], "oil": [3.5, float("inf")], "wrinkle": [0, 1e300], "extra": 1})
    table.to_parquet(folder.root / "labels.parquet")
    with pytest.raises(ManifestError) as caught:
        load_manifest(DataConfig(root=str(folder.root), manifest="labels.parquet"), SCHEMA)
    places = [(problem.row, problem.column) for problem in caught.value.problems]
    assert places == [(None, "extra"), (1, "oil"), (2, "oil"), (2, "wrinkle"), (2, "image")]


@pytest.mark.parametrize("kind", [pa.timestamp("ms"), pa.timestamp("ms", tz="Mars/Utopia")])
def test_a_time_that_python_has_no_name_for_is_an_error(folder, kind):
    taken = pa.array([2**50], kind)  # in the year 37648
    table = pa.table({"image": ["a.png"], "oil": [1], "wrinkle": [0], "taken": taken})
    parquet.write_table(table, folder.root / "labels.parquet")
    with pytest.raises(UserError, match=r"labels.parquet: cannot be read \("):
        load_manifest(DataConfig(root=str(folder.root), manifest="labels.parquet"), SCHEMA)


def test_a_parquet_heading_stands_once(folder):
    columns = pa.array(["a.png"]), pa.array([1]), pa.array([1]), pa.array([2])
    table = pa.Table.from_arrays(list(columns), names=["image", "oil", "wrinkle", "oil"])
    parquet.write_table(table, folder.root / "labels.parquet")
    with pytest.raises(ManifestError, match="column oil: duplicate heading"):
        load_manifest(DataConfig(root=str(folder.root), manifest="labels.parquet"), SCHEMA)


def test_progress_is_told_photo_by_photo(folder):
    calls = []
    folder.load("image,oil,wrinkle\na.png,1,1\nb.png,1,1\nc.png,1,1", progress=lambda *call: calls.append(call))
    assert calls == [(1, 3), (2, 3), (3, 3)]


# What is wrong with a file


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\n\n , ,\n", "empty"),
        ("image,oil\n한.png,1".encode("cp949"), "line 2 is not UTF-8; in Excel, save it as 'CSV UTF-8'"),
        ("image,oil\na.png,1".encode("utf-16"), "line 1 is not UTF-8"),
        (b'image,oil\n"a.png,1\n', "check the quotation marks"),
        (b"image;oil;wrinkle\na.png;1;1\n", "image;oil;wrinkle; save it with commas between the columns"),
        (b"image\toil\na.png\t1\n", "save it with commas"),
    ],
    ids=["empty", "blank", "Korean Excel", "UTF-16", "quotation mark", "semicolons", "tabs"],
)
def test_a_file_that_is_no_table_is_refused(content, said, folder):
    with pytest.raises(UserError) as caught:
        folder.load(content)
    assert str(folder.root / "labels.csv") in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["none.csv", "none.parquet"])
def test_a_table_that_does_not_exist_is_named_with_its_options(name, folder):
    where = rf"^data\.manifest {folder.root / name}: no such file; .*data\.root, {folder.root}$"
    with pytest.raises(UserError, match=where):
        load_manifest(DataConfig(root=str(folder.root), manifest=name), SCHEMA)


@pytest.mark.parametrize("name", ["a.png", "folder.csv", "bad.parquet"])
def test_a_table_that_cannot_be_read_is_named(name, folder):
    (folder.root / "folder.csv").mkdir()
    (folder.root / "bad.parquet").write_bytes(b"PAR1 not really PAR1")
    with pytest.raises(UserError, match=r"\.csv or \.parquet") as caught:
        load_manifest(DataConfig(root=str(folder.root), manifest=name), SCHEMA)
    assert str(folder.root / name) in str(caught.value)


def test_a_missing_table_is_named_with_the_folder_that_its_path_starts_from(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=rf"^data\.manifest data/gone\.csv: no such file in {tmp_path}; correct"):
        load_manifest(DataConfig(manifest="gone.csv"), SCHEMA)


def test_headings_alone_are_no_table(folder):
    assert folder.problems("image,oil,wrinkle\n") == ["no complete row below the headings; give one for each photo"]


# What is wrong with columns


def test_unknown_and_lacking_columns_are_named_with_the_nearest(folder):
    assert folder.problems("image,oli,wrinkle,age\na.png,1,1,30", subject="person") == [
        "column oil: not in the table, but attribute oil is read from it; did you mean oli? "
        "correct the name or add the column",
        "column person: not in the table, but data.columns.subject names it; correct the name or add the column",
        "column oli: neither an attribute nor named under data.columns; did you mean oil? "
        "correct the heading or add it to data.columns.ignore",
        "column age: neither an attribute nor named under data.columns; "
        "correct the heading or add it to data.columns.ignore",
    ]


@pytest.mark.parametrize("option", ["image", "split", "subject", "part", "groups"])
def test_every_named_column_has_to_be_there(option, folder):
    value = ["nowhere"] if option == "groups" else "nowhere"
    problems = folder.problems("image,oil,wrinkle\na.png,1,1", **{option: value})
    assert f"column nowhere: not in the table, but data.columns.{option} names it" in problems[0]


def test_a_column_is_used_or_ignored(folder):
    assert folder.problems("image,oil,wrinkle\na.png,1,1", ignore=["oil"]) == [
        "column oil: in data.columns.ignore, but attribute oil is read from it; choose one"
    ]


def test_a_heading_stands_once(folder):
    assert folder.problems("image,oil,wrinkle, oil\na.png,1,1,2") == [
        "column oil: duplicate heading; rename or remove one"
    ]


def test_a_column_without_a_heading_has_the_name_that_pandas_gives_it(folder):
    table = ",image,oil,wrinkle\n0,a.png,1,1"
    assert folder.problems(table)[0].startswith("column Unnamed: 0: neither an attribute nor named")
    assert len(folder.load(table, ignore=["Unnamed: 0"])[0]) == 1


# What is wrong with rows


@pytest.mark.parametrize(
    "cell", ["3.5", "5", "7", "-1", "x", "nan", "inf", "1e400", "1e0", "3,0", "٣", "+3", "0x1", "1_0", "9" * 5000]
)
def test_what_is_no_grade_is_reported(cell, folder):
    said = cell if len(cell) < 60 else "9" * 60 + "..."
    assert folder.problems(f'image,oil,wrinkle\na.png,1,1\nb.png,"{cell}",1') == [
        f"row 3, column oil: {said} is not a grade (0..4); correct it, or leave it blank if it was not graded"
    ]


def test_a_row_that_does_not_fit_under_the_headings_is_reported(folder):
    assert folder.problems("image,oil,wrinkle\na.png,1\nb.png,1,1,1\nc.png,1,1,,") == [
        "row 2: 2 cells under 3 headings; put cells that contain commas in quotation marks",
        "row 3: 4 cells under 3 headings; put cells that contain commas in quotation marks",
    ]


def test_a_row_needs_a_photo(folder):
    whole = (folder.root / "a.png").read_bytes()
    (folder.root / "cut.png").write_bytes(whole[:45])
    (folder.root / "zero.png").write_bytes(b"")
    (folder.root / "text.png").write_text("a photo")
    table = "image,oil,wrinkle\n,1,\nnone.png,1,\ncut.png,1,\nzero.png,1,\ntext.png,1,\n.,1,\na\0b.png,1,"
    said = [
        "blank",
        "no such file",
        "damaged or cut short",
        "the file is empty",
        "not a JPEG",
        "a folder",
        "not a path",
    ]
    problems = folder.problems(table)
    for row, (problem, reason) in enumerate(zip(problems, said, strict=True), start=2):
        assert problem.startswith(f"row {row}, column image: ")
        assert reason in problem
    assert str(folder.root / "none.png") in problems[1]


def test_a_photo_stands_in_one_row(folder):
    (folder.root / "copy.png").write_bytes((folder.root / "a.png").read_bytes())
    assert folder.problems("image,oil,wrinkle\na.png,1,1\nb.png,1,1\na.png,1,1\ncopy.png,1,2\n./b.png,1,") == [
        "row 4, column image: the same picture as row 2 (a.png); keep one row per photo",
        "row 5, column image: the same picture as row 2 (a.png), with other grades; keep one row per photo",
        "row 6, column image: the same picture as row 3 (b.png), with other grades; keep one row per photo",
    ]


def test_a_side_has_to_be_known(folder):
    assert folder.problems("image,oil,wrinkle,split\na.png,1,1,trian\nb.png,1,1,", split="split") == [
        "row 2, column split: trian is not a side of the split; write train, val, test or calibrate",
        "row 3, column split: blank; write train, val, test or calibrate",
    ]


def test_a_subject_stands_on_one_side(folder):
    rows = "a.png,1,1,p1,train\nb.png,1,1,p2,val\nc.png,1,1,p1,train\nd.png,1,1,p1,test"
    assert folder.problems(f"image,oil,wrinkle,who,split\n{rows}", split="split", subject="who") == [
        "row 5, column who: subject p1 is in test here and in train in row 2; keep all photos of a subject on one side"
    ]


def test_photos_of_nobody_known_may_stand_on_any_side(folder):
    table = "image,oil,wrinkle,who,split\na.png,1,1,,train\nb.png,1,1,,val"
    assert len(folder.load(table, split="split", subject="who")[0]) == 2


def test_all_problems_stand_in_one_report(folder):
    table = (
        "image,oil,wrinkle,who,split,extra\na.png,7,x,p1,train,\nnone.png,1,1,p2,dunno,\na.png,1,1,p1,val,\nb.png,1\n"
        "c.png,1,1,,,\n"
    )
    problems = folder.problems(table, split="split", subject="who", part="where")
    starts = [
        "column where: ",
        "column extra: ",
        "row 2, column oil: ",
        "row 2, column wrinkle: ",
        "row 3, column split: ",
        "row 3, column image: ",
        "row 4, column who: ",
        "row 4, column image: ",
        "row 5: ",
        "row 6, column split: ",
    ]
    for problem, start in zip(problems, starts, strict=True):
        assert problem.startswith(start)


def test_a_long_report_is_cut_and_the_error_holds_it_all(folder):
    table = "image,oil,wrinkle\n" + "".join(f"none{i}.png,9,9\n" for i in range(100))
    with pytest.raises(ManifestError) as caught:
        folder.load(table)
    lines = str(caught.value).splitlines()
    assert len(lines) == 52
    assert "300 problems; correct the table, or set data.on_bad_row: skip to leave these rows out" in lines[0]
    assert lines[-1] == "... and 250 more"
    assert len(caught.value.problems) == 300


def test_odd_cells_do_not_break_the_lines_of_the_report(folder):
    problems = folder.problems('image,oil,wrinkle\na.png,"1\n2\x1b",1\n"b\nc.png",1,1')
    assert problems[0].startswith("row 2, column oil: '1\\n2\\x1b' is not a grade")
    assert problems[1].endswith("b c.png: no such file or directory")


# Leaving bad rows out


def test_bad_rows_are_left_out_and_listed(folder):
    manifest, left_out = folder.load(
        "image,oil,wrinkle\na.png,7,9\nb.png,1,1\nnone.png,1,1\nb.png,2,2\nc.png,1\nd.png,0,", on_bad_row="skip"
    )
    assert manifest.rows.tolist() == [3, 7]
    assert manifest.paths.tolist() == ["b.png", "d.png"]
    assert manifest.grades.tolist() == [[1, 1], [0, -1]]
    assert [(problem.row, problem.column) for problem in left_out] == [
        (2, "oil"),
        (2, "wrinkle"),
        (4, "image"),
        (5, "image"),
        (6, None),
    ]
    assert pd.DataFrame(left_out).columns.tolist() == ["message", "row", "column"]


def test_what_is_wrong_with_the_table_as_a_whole_is_never_left_out(folder):
    problems = folder.problems("image,oil,wrinkle,extra\na.png,9,1,1\n", on_bad_row="skip")
    assert len(problems) == 1
    assert problems[0].startswith("column extra: ")


def test_some_row_has_to_be_left(folder):
    with pytest.raises(ManifestError, match="no row is left") as caught:
        folder.load("image,oil,wrinkle\nnone.png,1,1\na.png,9,1", on_bad_row="skip")
    assert "row 2, column image: " in str(caught.value)
    assert "row 3, column oil: 9 is not a grade" in str(caught.value)


# Once the split is known


def test_a_head_needs_training_grades(folder):
    manifest, _ = folder.load("image,oil,wrinkle,split\na.png,1,,train\nb.png,,2,val", split="split")
    with pytest.raises(UserError, match="no training photo is graded for wrinkle; "):
        check_training_grades(manifest.select(manifest.split == "train"))
    with pytest.raises(UserError, match="no training photo is graded for oil, wrinkle; "):
        check_training_grades(manifest.select(manifest.split == "test"))


def test_grades_that_never_occur_in_training_are_warned_of(folder):
    rows = "a.png,1,0,train\nb.png,4,1,train\nc.png,,2,train\nd.png,2,,val"
    manifest, _ = folder.load(f"image,oil,wrinkle,split\n{rows}", split="split")
    warnings = check_training_grades(manifest.select(manifest.split == "train"))
    assert [str(warning) for warning in warnings] == [
        "column oil: no training photo has grade 0, 2, 3, so it cannot be learned"
    ]


# Whatever a table holds

CELLS = st.one_of(
    st.sampled_from(["", " ", "a.png", "b.png", "b.png", ".", "..", "/", "0", "2", "3.0", "train", "val", "p1", '"']),
    st.text(max_size=6),
)
HEADINGS = st.one_of(st.sampled_from(["image", "oil", "wrinkle", "split", "who", "sex"]), st.text(max_size=5))
ROLES = {"split": "split", "subject": "who", "groups": ["sex"]}
fuzz = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def check_outcome(folder, table, **options):
    """Either a valid manifest or an error that a user can act on."""
    try:
        manifest, left_out = folder.load(table, **options)
    except UserError as error:
        message = str(error)
    else:
        check_promises(manifest, left_out)
        return
    assert str(folder.root) in message


def check_promises(manifest, left_out):
    assert len(manifest) > 0
    assert manifest.grades.shape == (len(manifest), 2)
    assert (manifest.grades >= -1).all()
    assert (manifest.grades < [5, 3]).all()
    assert set(manifest.rows).isdisjoint(problem.row for problem in left_out)
    assert len({manifest.path(i).resolve() for i in range(len(manifest))}) == len(manifest)
    for i in range(len(manifest)):
        read_image(manifest.path(i))


@fuzz
@given(st.binary(max_size=80), st.booleans())
def test_arbitrary_bytes_end_in_a_manifest_or_a_user_error(folder, content, with_headings):
    check_outcome(folder, (b"image,oil,wrinkle\na.png,1,1\n" if with_headings else b"") + content, on_bad_row="skip")


@fuzz
@given(st.lists(HEADINGS, max_size=7), st.lists(st.lists(CELLS, max_size=7), max_size=5), st.booleans())
def test_arbitrary_tables_end_in_a_manifest_or_a_user_error(folder, headings, rows, roles):
    table = "\n".join(",".join(cells) for cells in [headings, *rows])
    check_outcome(folder, table.encode("utf-8", "replace"), on_bad_row="skip", **(ROLES if roles else {}))


@fuzz
@given(st.lists(st.tuples(*[CELLS] * 6), min_size=1, max_size=6), st.sampled_from(["skip", "error"]))
def test_arbitrary_cells_under_good_headings_end_in_a_manifest_or_a_user_error(folder, rows, on_bad_row):
    lines = [["image", "oil", "wrinkle", "split", "who", "sex"], ["a.png", "1", "1", "train", "p1", "f"], *rows]
    table = "\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in cells) for cells in lines)
    check_outcome(folder, table.encode("utf-8", "replace"), on_bad_row=on_bad_row, **ROLES)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_parquet_of_any_types_ends_in_a_manifest_or_a_user_error(folder, data):
    kinds = [
        st.lists(st.none() | kind, min_size=3, max_size=3)
        for kind in (st.integers(-3, 9), st.floats(), st.booleans(), st.binary(max_size=3), st.datetimes(), st.text())
    ]
    table = pd.DataFrame({name: data.draw(st.one_of(kinds)) for name in ("image", "oil", "wrinkle")}, dtype=object)
    path = folder.root / "labels.parquet"
    table.to_parquet(path)
    config = DataConfig(root=str(folder.root), manifest=path.name, on_bad_row="skip")
    with pytest.raises(UserError):  # none of these images exists
        load_manifest(config, SCHEMA)


@fuzz
@given(st.integers(0, 2000), st.integers(0, 255))
def test_a_damaged_parquet_file_ends_in_a_manifest_or_a_user_error(folder, position, value):
    path = folder.root / "labels.parquet"
    pd.DataFrame({"image": ["a.png", "b.png"], "oil": [1, 2], "wrinkle": [0, None]}).to_parquet(path)
    content = bytearray(path.read_bytes())
    content[position % len(content)] = value
    path.write_bytes(content)
    try:
        manifest, _ = load_manifest(DataConfig(root=str(folder.root), manifest=path.name), SCHEMA)
    except UserError:
        return
    assert manifest.grades.shape == (2, 2)


def test_each_kind_of_bad_row_is_found_beside_every_other(folder):
    """No check hides another: any two kinds of bad rows, in either order, are both reported."""
    kinds = {
        "oil": "a.png,9,1,p1,train",
        "wrinkle": "b.png,1,9,p2,train",
        "image": "no.png,1,1,p3,train",
        "split": "d.png,1,1,p4,",
    }
    for first, second in itertools.permutations(kinds, 2):
        table = f"image,oil,wrinkle,who,split\n{kinds[first]}\n{kinds[second]}"
        problems = folder.problems(table, split="split", subject="who")
        assert [problem.split(": ")[0] for problem in problems] == [f"row 2, column {first}", f"row 3, column {second}"]


class TestSecondRater:
    def test_its_grades_stand_beside_those_of_the_first(self, folder):
        table = "image,oil,oil (2),wrinkle,wrinkle (2)\na.png,3,4,1,1\nb.png,,2,2,\n"
        manifest, _ = folder.load(table, second_rater="{} (2)")
        assert manifest.grades.tolist() == [[3, 1], [-1, 2]]
        assert manifest.second_grades.tolist() == [[4, 1], [2, -1]]
        assert manifest.select(np.array([1])).second_grades.tolist() == [[2, -1]]

    def test_there_is_none_unless_named(self, folder):
        assert folder.load("image,oil,wrinkle\na.png,3,1\n")[0].second_grades is None

    def test_it_need_not_have_graded_everything(self, folder):
        manifest, _ = folder.load("image,oil,wrinkle,wrinkle2\na.png,3,1,2\n", second_rater="{}2")
        assert manifest.second_grades.tolist() == [[-1, 2]]

    def test_but_something(self, folder):
        problems = folder.problems("image,oil,wrinkle\na.png,3,1\n", second_rater="{}2")
        assert [problem.split(":")[0] for problem in problems] == ["column oil2", "column wrinkle2"]
        assert "data.columns.second_rater" in problems[0]

    def test_a_grade_that_is_none_is_named(self, folder):
        problems = folder.problems("image,oil,oil2,wrinkle\na.png,3,7,1\n", second_rater="{}2")
        assert problems == [
            "row 2, column oil2: 7 is not a grade (0..4); correct it, or leave it blank if it was not graded"
        ]
