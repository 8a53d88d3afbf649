import os
from pathlib import Path

import pytest
import yaml

from multiskin.data.adapters import LAYOUTS
from multiskin.data.adapters.ham10000 import HAM10000
from multiskin.data.adapters.image_folder import ImageFolder
from multiskin.data.adapters.importer import import_labels
from multiskin.errors import UserError
from multiskin.schema import Schema

HEADINGS = "lesion_id,image_id,dx,dx_type,age,sex,localization"


def add_lesions(tree, pictures, *lines):
    for number in range(pictures):
        tree.picture(f"HAM10000_images_part_{number % 2 + 1}/ISIC_{number}.jpg", number)
    tree.label("HAM10000_metadata.csv", "\n".join([HEADINGS, *lines]))


def columns_of(tree):
    return yaml.safe_load((tree.out / "config.yaml").read_text())["data"]["columns"]


class TestHAM10000:
    def test_a_line_becomes_a_row_and_photos_of_a_lesion_stay_together(self, tree):
        add_lesions(tree, 2, "L1,ISIC_0,bkl,histo,80.0,male,scalp", "L1,ISIC_1,bkl,histo,80.0,male,scalp")
        first, second = tree.imported(HAM10000)
        assert first == {
            "image": "HAM10000_images_part_1/ISIC_0.jpg",
            "subject": "L1",
            "part": "scalp",
            "sex": "male",
            "age": "80.0",
            "dx": "bkl",
        }
        assert second["image"] == "HAM10000_images_part_2/ISIC_1.jpg"
        assert (columns_of(tree)["subject"], columns_of(tree)["groups"]) == ("subject", ["sex", "age"])
        assert tree.report == []

    def test_every_bad_line_is_named(self, tree):
        lines = ["L1,ISIC_0,bkl,histo,80,male,scalp", "L2,ISIC_9,nv,histo,,,", "L3,ISIC_1,wart,histo,,,"]
        add_lesions(tree, 3, *lines, "L4,ISIC_2,nv,,,,", "L5,ISIC_2,mel,,,,")
        assert [row["image"][-10:] for row in tree.imported(HAM10000)] == ["ISIC_0.jpg"]
        assert [line[1:3] for line in tree.report] == [
            ("left blank", "not a grade of the schema"),
            ("left out", "picture missing"),
            ("left out", "labels of one picture disagree"),
            ("left out", "labels of one picture disagree"),
            ("left out", "nothing graded"),
        ]
        assert tree.report[0][3] == "line 4: dx is wart"

    def test_another_table_is_told_of(self, tree):
        add_lesions(tree, 1, "L1,ISIC_0,bkl,histo,80,male,scalp")
        tree.label("notes.csv", "a,b\n1,2\n")
        assert len(tree.imported(HAM10000)) == 1
        assert tree.said_of("notes.csv") == [("left out", "not of this layout")]

    def test_its_first_schema_is_that_of_its_config(self):
        there = Path(__file__).parents[3] / "configs" / "schemas" / "ham10000.yaml"
        assert HAM10000().schema_text(there.parent) == there.read_text(encoding="utf-8")


class TestImageFolder:
    def test_folders_become_classes(self, tree):
        for seed, path in enumerate(["acne/a.jpg", "acne/deep/b.jpg", "eczema/a.jpg", "010 warts/x.png"]):
            tree.picture(path, seed)
        rows = {row["image"]: row["label"] for row in tree.imported(ImageFolder)}
        assert rows == {
            "acne/a.jpg": "acne",
            "acne/deep/b.jpg": "acne",
            "eczema/a.jpg": "eczema",
            "010 warts/x.png": "010 warts",
        }
        [attribute] = Schema.load(tree.out / "schema.yaml")
        assert attribute.kind == "nominal"
        assert attribute.grade_names == ("010 warts", "acne", "eczema")
        assert yaml.safe_load((tree.out / "config.yaml").read_text())["trainer"]["monitor"].endswith(
            "balanced_accuracy"
        )

    def test_sides_of_a_split_are_taken_over(self, tree):
        places = [f"{side}/{name}/1.jpg" for side in ("train", "valid", "test") for name in ("a", "b")]
        for seed, path in enumerate(places):
            tree.picture(path, seed)
        rows = tree.imported(ImageFolder)
        assert [(row["split"], row["label"]) for row in rows] == [
            ("test", "a"),
            ("test", "b"),
            ("train", "a"),
            ("train", "b"),
            ("val", "a"),
            ("val", "b"),
        ]
        assert columns_of(tree)["split"] == "split"

    def test_one_picture_in_two_classes_is_in_none(self, tree):
        for seed, path in [(1, "a/1.jpg"), (1, "b/other.jpg"), (2, "a/2.jpg"), (2, "a/again.jpg"), (3, "b/3.jpg")]:
            tree.picture(path, seed)
        tree.picture("loose.jpg", 4)
        assert [row["image"] for row in tree.imported(ImageFolder)] == ["a/2.jpg", "b/3.jpg"]
        assert [(line[0], line[2]) for line in tree.report] == [
            ("loose.jpg", "not of this layout"),
            ("a/1.jpg", "labels of one picture disagree"),
            ("b/other.jpg", "labels of one picture disagree"),
            ("a/again.jpg", "the same picture and label again"),
        ]

    def test_what_its_owner_has_edited_stays(self, tree):
        for seed, path in enumerate(["mild/a.jpg", "none/b.jpg"]):
            tree.picture(path, seed)
        tree.imported(ImageFolder)
        tree.edit("schema.yaml", "[mild, none]", "[none, mild]")
        tree.edit("config.yaml", "input_size: 224", "input_size: 96")
        tree.imported(ImageFolder)
        assert Schema.load(tree.out / "schema.yaml").attributes[0].grade_names == ("none", "mild")
        assert "input_size: 96" in (tree.out / "config.yaml").read_text()

    def test_the_folder_of_results_is_no_class(self, tree):
        tree.out = tree.root / "made"
        for seed, path in enumerate(["a/1.jpg", "b/1.jpg"]):
            tree.picture(path, seed)
        for _ in range(2):
            assert len(tree.imported(ImageFolder)) == 2
            assert tree.report == []

    def test_one_class_is_none(self, tree):
        tree.picture("only/a.jpg", 1)
        with pytest.raises(UserError, match="one folder, only"):
            tree.imported(ImageFolder)

    def test_a_name_that_is_no_text_is_left_out(self, tree):
        for seed, path in enumerate(["a/1.jpg", "b/1.jpg"]):
            tree.picture(path, seed)
        os.rename(tree.root / "a/1.jpg", os.fsencode(tree.root / "a") + b"/\xc7\xc7.jpg")
        assert [row["image"] for row in tree.imported(ImageFolder)] == ["b/1.jpg"]
        assert [line[1:3] for line in tree.report] == [("left out", "file name is not UTF-8")]


@pytest.mark.parametrize("name", LAYOUTS)
def test_an_empty_folder_says_what_is_wanted(name, tree):
    with pytest.raises(UserError, match=r"no row could be imported|no folder; put the photos of two or more classes"):
        tree.imported(LAYOUTS[name])


def test_a_folder_that_is_not_there(tree):
    tree.root.rmdir()
    with pytest.raises(UserError, match="no such folder"):
        tree.imported(HAM10000)


def test_a_file_in_place_of_the_folder_to_write_to(tree):
    file = tree.root / "file"
    file.touch()
    for out in (file, file / "made"):
        with pytest.raises(UserError, match=rf"{out}: no folder can be made here \(.*\); name another"):
            import_labels(HAM10000(), tree.root, out)
