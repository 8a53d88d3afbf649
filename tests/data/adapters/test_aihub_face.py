import os

import pytest
import yaml

from multiskin.config import Columns, DataConfig
from multiskin.data.adapters import scratch
from multiskin.data.adapters.aihub_face import AIHubFace
from multiskin.data.images import read_image
from multiskin.data.manifest import load_manifest
from multiskin.errors import UserError
from multiskin.schema import Schema

FOREHEAD, LEFT_EYE, LEFT_CHEEK, LIPS = 1, 3, 5, 7


def label(part=FOREHEAD, name="0001_01_F.jpg", box=(5, 6, 30, 40), annotations=None, equipment=None, **info):
    """A label file of the data set, for a picture of 40 x 60 pixels."""
    person = {"filename": name, "id": name[:4], "gender": "F", "age": 55, "skin_type": 1, "sensitive": 0}
    images = {"device": 0, "width": 40, "height": 60, "angle": 0, "facepart": part, "bbox": box and list(box)}
    return {"info": person | info, "images": images, "annotations": annotations, "equipment": equipment}


def add(tree, part=FOREHEAD, subject="0001", angle="F", folder="label", encoding="utf-8", **content):
    name = f"{subject}_01_{angle}"
    path = f"{folder}/01/{subject}/{name}_{part:02}.json"
    tree.label(path, label(part, f"{name}.jpg", **content), encoding)
    return path


@pytest.fixture
def tree(tree):
    """Two photos of a person and one valid label, which the tests leave as they are."""
    tree.picture("img/01/0001/0001_01_F.jpg", 1)
    tree.picture("img/01/0001/0001_01_L15.jpg", 2)
    add(tree, angle="L15", annotations={"forehead_wrinkle": 4})
    return tree


def row_of(tree, part):
    """The only row of the first photo and that part; None if there is none."""
    rows = [row for row in tree.imported(AIHubFace) if "_F." in row["image"] and row["part"] == part]
    assert len(rows) < 2
    return rows[0] if rows else None


def test_a_label_becomes_a_row_with_its_box(tree):
    add(tree, annotations={"forehead_wrinkle": 6, "forehead_pigmentation": 5}, equipment={"forehead_moisture": 47.0})
    row = row_of(tree, "forehead")
    assert row == {
        "image": "img/01/0001/0001_01_F.jpg",
        "x0": "5",
        "y0": "6",
        "x1": "30",
        "y1": "40",
        "subject": "0001",
        "part": "forehead",
        "sex": "F",
        "age": "50s",
        "device": "0",
        "wrinkle": "6",
        "pigmentation": "5",
        "pore": "",
        "sagging": "",
        "hydration": "2",
        "oil": "",
        "sensitivity": "",
    }
    assert tree.report == []


def test_what_is_known_of_a_person_is_graded_on_the_whole_face(tree):
    add(tree, part=0, box=None, skin_type=4, sensitive=1)
    row = row_of(tree, "face")
    assert (row["oil"], row["sensitivity"], row["x0"]) == ("3", "1", "")


@pytest.mark.parametrize(("moisture", "grade"), [(29.9, "4"), (30, "3"), (59, "1"), (60.0, "0"), ("61", "0"), (0, "4")])
def test_an_instruments_values_are_binned(tree, moisture, grade):
    add(tree, LEFT_CHEEK, equipment={"l_cheek_moisture": moisture})
    assert row_of(tree, "left_cheek")["hydration"] == grade


@pytest.mark.parametrize("equipment", ["Er", {"l_cheek_moisture": "Er"}, {"l_cheek_moisture": "nan"}])
def test_a_failed_measurement_is_told_of_once_and_left_blank(tree, equipment):
    path = add(tree, LEFT_CHEEK, annotations={"l_cheek_pore": 2}, equipment=equipment)
    row = row_of(tree, "left_cheek")
    assert (row["pore"], row["hydration"]) == ("2", "")
    assert tree.said_of(path) == [("left blank", "not a number")]


@pytest.mark.parametrize("spelling", ["l_perocular_wrinkle", "l_periocular_wrinkle"])
def test_spellings_that_are_seen_are_known(tree, spelling):
    add(tree, LEFT_EYE, annotations={spelling: 3})
    assert row_of(tree, "left_eye")["wrinkle"] == "3"


@pytest.mark.parametrize("grade", [7, -1, 2.5, "high", True, [1]])
def test_a_grade_out_of_range_is_left_blank(tree, grade):
    path = add(tree, annotations={"forehead_wrinkle": grade, "forehead_pigmentation": 1})
    row = row_of(tree, "forehead")
    assert (row["wrinkle"], row["pigmentation"]) == ("", "1")
    assert tree.said_of(path) == [("left blank", "not a grade of the schema")]


@pytest.mark.parametrize(
    ("box", "kept", "said"),
    [
        ([30, 40, 5, 6], ["5", "6", "30", "40"], [("mended", "box with its corners reversed")]),
        ([5, 40, 30, 6], ["5", "6", "30", "40"], [("mended", "box with its corners reversed")]),
        ([-5, 6, 30, 99], ["0", "6", "30", "60"], [("mended", "box cut off at the picture's edge")]),
        (None, None, [("left out", "no box")]),
        ([40, 0, 50, 20], None, [("left out", "box without area, or outside the picture")]),
        ([5, 6, 5, 40], None, [("left out", "box without area, or outside the picture")]),
        ([5, 6, 30], None, [("left out", "box without area, or outside the picture")]),
        ([None, 6, 30, 40], None, [("left out", "box without area, or outside the picture")]),
        ("5,6,30,40", None, [("left out", "box without area, or outside the picture")]),
    ],
)
def test_boxes_are_mended_or_left_out(tree, box, kept, said):
    path = "label/01/0001/0001_01_F_01.json"
    content = label(annotations={"forehead_wrinkle": 1})
    content["images"]["bbox"] = box
    tree.label(path, content)
    row = row_of(tree, "forehead")
    assert (row and [row[corner] for corner in ("x0", "y0", "x1", "y1")]) == kept
    assert tree.said_of(path) == said


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"info": {', "no whole JSON"),
        ("", "no whole JSON"),
        ("[" * 100_000, "no whole JSON"),
        ("[1, 2]", "not of this layout"),
        ('{"annotations": {"forehead_wrinkle": 2}}', "not of this layout"),
        ('{"info": {"filename": 7}, "images": null}', "not of this layout"),
        (b"\x80\xff\xfe", "neither UTF-8 nor CP949"),
    ],
)
def test_a_file_that_is_none_is_left_out(tree, content, reason):
    tree.label("label/broken.json", content)
    assert len(tree.imported(AIHubFace)) == 1
    assert tree.said_of("broken.json") == [("left out", reason)]


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", []),
        ("utf-8-sig", [("mended", "UTF-8 with a byte order mark")]),
        ("cp949", [("mended", "read as CP949")]),
    ],
)
def test_encodings_are_told_apart(tree, encoding, said):
    path = add(tree, annotations={"forehead_wrinkle": 1}, encoding=encoding, gender="여")
    assert row_of(tree, "forehead")["sex"] == "여"
    assert tree.said_of(path) == said


def test_an_unknown_part_is_left_out(tree):
    path = add(tree, part=9, annotations={"forehead_wrinkle": 1})
    assert len(tree.imported(AIHubFace)) == 1
    assert ("left out", "unknown part") in tree.said_of(path)


def test_a_label_without_a_picture_is_left_out(tree):
    path = add(tree, subject="0404", annotations={"forehead_wrinkle": 1})
    assert len(tree.imported(AIHubFace)) == 1
    assert tree.said_of(path) == [("left out", "picture missing")]


def test_a_picture_without_a_label_is_told_of(tree):
    tree.picture("img/01/0404/0404_01_F.jpg", 3)
    assert len(tree.imported(AIHubFace)) == 1
    assert [line[:3] for line in tree.report] == [
        ("img/01/0001/0001_01_F.jpg", "left out", "picture without a label"),
        ("img/01/0404/0404_01_F.jpg", "left out", "picture without a label"),
    ]


def test_a_folder_that_cannot_be_read_is_told_of(tree, monkeypatch):
    add(tree, annotations={"forehead_wrinkle": 1}, folder="closed")
    scan = os.scandir

    def scandir(folder):
        if str(folder).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(scratch.os, "scandir", scandir)
    assert len(tree.imported(AIHubFace)) == 1
    assert tree.said_of("'closed'") == [("left out", "cannot be read")]


def test_a_label_without_a_grade_is_left_out(tree):
    path = add(tree, part=2)
    assert len(tree.imported(AIHubFace)) == 1
    assert tree.said_of(path) == [("left out", "nothing graded")]


def test_of_equal_labels_one_is_kept(tree):
    add(tree, annotations={"forehead_wrinkle": 1}, folder="a")
    again = add(tree, annotations={"forehead_wrinkle": 1}, folder="b")
    assert row_of(tree, "forehead")["wrinkle"] == "1"
    assert tree.report == [
        (again, "left out", "the same picture and label again", f"as in {again.replace('b/', 'a/', 1)}")
    ]


def test_of_labels_that_disagree_none_is(tree):
    paths = [
        add(tree, annotations={"forehead_wrinkle": grade}, folder=folder) for grade, folder in ((1, "a"), (2, "b"))
    ]
    assert row_of(tree, "forehead") is None
    assert [line[:3] for line in tree.report] == [
        (path, "left out", "labels of one picture disagree") for path in paths
    ]
    assert "wrinkle is 1" in tree.report[0][3]


def test_a_picture_under_another_name_is_the_same_picture(tree):
    tree.picture("img/01/0009/0009_01_F.jpg", 1)
    one = add(tree, annotations={"forehead_wrinkle": 1})
    other = add(tree, annotations={"forehead_wrinkle": 2}, subject="0009")
    assert row_of(tree, "forehead") is None
    assert {line[0] for line in tree.report if line[2] == "labels of one picture disagree"} == {one, other}


def test_different_pictures_of_one_name_are_left_out(tree):
    tree.picture("other/0001_01_F.jpg", 7)
    path = add(tree, annotations={"forehead_wrinkle": 1})
    assert row_of(tree, "forehead") is None
    assert tree.said_of(path) == [("left out", "different pictures of one name")]


def test_what_is_known_differently_of_one_person_is_left_blank(tree):
    add(tree, annotations={"forehead_wrinkle": 1}, folder="a")
    add(tree, annotations={"forehead_wrinkle": 1}, folder="b", gender="M")
    row = row_of(tree, "forehead")
    assert (row["sex"], row["age"]) == ("", "50s")
    assert ("left blank", "what is known of one picture disagrees") in [line[1:3] for line in tree.report]


def test_folders_of_a_split_are_kept_for_whoever_wants_them(tree):
    add(tree, annotations={"forehead_wrinkle": 1}, folder="Training/02.라벨링데이터")
    add(tree, LIPS, annotations={"lip_dryness": 4}, folder="Validation/02.라벨링데이터")
    rows = {row["part"]: row for row in tree.imported(AIHubFace) if "_F." in row["image"]}
    assert (rows["forehead"]["split"], rows["lips"]["split"], rows["lips"]["hydration"]) == ("train", "val", "4")
    columns = yaml.safe_load((tree.out / "config.yaml").read_text())["data"]["columns"]
    assert (columns["split"], columns["ignore"]) == (None, ["split"])


def test_grades_come_from_the_schema_and_bins_from_the_mapping(tree):
    add(tree, annotations={"forehead_wrinkle": 6}, equipment={"forehead_moisture": 47})
    assert row_of(tree, "forehead")["wrinkle"] == "6"
    tree.edit("schema.yaml", "grades: 7", "grades: 5")
    tree.edit("mapping.yaml", "[30, 40, 50, 60]", "[10, 20, 30, 45]")
    row = row_of(tree, "forehead")
    assert (row["wrinkle"], row["hydration"]) == ("", "0")


def test_bins_that_do_not_fit_the_schema_are_refused(tree):
    tree.imported(AIHubFace)
    tree.edit("mapping.yaml", "[30, 40, 50, 60]", "[30, 40, 50]")
    with pytest.raises(UserError, match=r"mapping.*equipment.forehead_moisture: 3 bins for 5 grades; give 4"):
        tree.imported(AIHubFace)


def test_nothing_left_is_an_error_that_says_why(tmp_path, tree):
    for path in tree.root.rglob("*.jpg"):
        path.unlink()
    with pytest.raises(UserError, match=r"no row could be imported(.|\n)*1  left out: picture missing"):
        tree.imported(AIHubFace)
    assert not list(tree.out.glob(".import-*"))


def test_the_parts_of_a_photo_load_as_pictures_of_their_own(tree):
    add(tree, annotations={"forehead_wrinkle": 6}, box=[5, 6, 30, 40])
    add(tree, LIPS, annotations={"lip_dryness": 1}, box=[10, 41, 30, 55])
    tree.imported(AIHubFace)
    given = yaml.safe_load((tree.out / "config.yaml").read_text())["data"]
    config = DataConfig(given["root"], given["manifest"], columns=Columns(**given["columns"]))
    manifest, problems = load_manifest(config, Schema.load(tree.out / "schema.yaml"))
    assert problems == []
    assert len(set(manifest.paths)) == 3
    whole = read_image(tree.root / "img/01/0001/0001_01_F.jpg")
    parts = {manifest.part[i]: read_image(manifest.path(i)) for i in range(3) if "_F." in manifest.paths[i]}
    assert (parts["forehead"] == whole[6:40, 5:30]).all()
    assert (parts["lips"] == whole[41:55, 10:30]).all()
