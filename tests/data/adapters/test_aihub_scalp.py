import unicodedata

import pytest

from multiskin.data.adapters.aihub_scalp import AIHubScalp

NAMES = ("미세각질", "피지과다", "모낭사이홍반", "모낭홍반농포", "비듬", "탈모")
GRADES = ("양호", "경증", "중등도", "중증")
STEM = "0013_A2LEBJJDE00060O_1602578303771_3_TH"
HEADINGS = ("fine_scaling", "excess_sebum", "interfollicular_erythema", "follicular_erythema", "dandruff", "hair_loss")


def add(tree, values, stem=STEM, kind=0, folder=None, **more):
    """A label in the folder of one of its grades."""
    folder = folder or f"[라벨]{NAMES[kind]}_{values[kind]}.{GRADES[values[kind]]}"
    content = {"image_file_name": f"{stem}.jpg"} | {f"value_{n}": str(v) for n, v in enumerate(values, start=1)} | more
    path = f"{folder}/{stem}.json"
    tree.label(path, content)
    return path


@pytest.fixture
def tree(tree):
    tree.picture(f"[원천]미세각질_0.양호/{STEM}.jpg", 1)
    return tree


def test_six_conditions_are_graded_on_one_photo(tree):
    add(tree, [0, 2, 1, 0, 3, 1])
    [row] = tree.imported(AIHubScalp)
    assert [row[heading] for heading in HEADINGS] == ["0", "2", "1", "0", "3", "1"]
    assert row["image"] == f"[원천]미세각질_0.양호/{STEM}.jpg"
    assert row["subject"] == "1602578303771"
    assert tree.report == []


def test_the_person_is_told_of_in_a_file_beside(tree):
    path = add(tree, [0, 2, 1, 0, 0, 1])
    tree.label(path.replace(".json", "_META.json"), {"gender": "남", "age": "20대", "location": "TH"})
    [row] = tree.imported(AIHubScalp)
    assert (row["sex"], row["age"], row["part"]) == ("남", "20대", "TH")
    assert tree.report == []


def test_a_photo_in_several_folders_is_one_row(tree):
    values = [0, 2, 1, 0, 0, 1]
    for kind in range(6):
        add(tree, values, kind=kind)
        tree.picture(f"[원천]{NAMES[kind]}_{values[kind]}.{GRADES[values[kind]]}/{STEM}.jpg", 1)
    [row] = tree.imported(AIHubScalp)
    assert row["excess_sebum"] == "2"
    assert [line[1:3] for line in tree.report] == [("left out", "the same picture and label again")] * 5


def test_a_stem_with_disagreeing_labels_is_left_out(tree):
    good = "0014_A2_1602578303999_1_TH"
    tree.picture(f"[원천]비듬_1.경증/{good}.jpg", 2)
    add(tree, [0, 0, 0, 0, 1, 0], stem=good, kind=4)
    paths = {add(tree, [0, 2, 1, 0, 0, 1], kind=1), add(tree, [0, 3, 1, 0, 0, 1], kind=2)}
    [row] = tree.imported(AIHubScalp)
    assert good in row["image"]
    assert {line[0] for line in tree.report if line[2] == "labels of one picture disagree"} == paths


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize(
    "condition",
    ["[라벨]피지과다_2.중등도", "[라벨]피지 과다_2.중등도", "[라벨] 피지과다 2. 중등도", "피지과다_2.중등도"],
)
def test_spellings_of_folders_are_known(tree, condition, form):
    add(tree, [0, 2, 1, 0, 0, 1], folder=unicodedata.normalize(form, condition))
    assert len(tree.imported(AIHubScalp)) == 1
    assert tree.report == []


def test_a_folder_that_says_another_grade_is_told_of(tree):
    path = add(tree, [0, 2, 1, 0, 0, 1], folder="[라벨]모낭홍반／농포_3.중증")
    [row] = tree.imported(AIHubScalp)
    assert row["follicular_erythema"] == "0"
    assert tree.said_of(path) == [("noted", "folder and label disagree, the label counts")]


def test_a_folder_of_something_else_is_named_once(tree):
    add(tree, [0, 2, 1, 0, 0, 1], folder="[라벨]지루성_1.경증")
    other = "0014_A2_1602578303999_1_TH"
    tree.picture(f"{other}.jpg", 2)
    add(tree, [0, 2, 1, 0, 0, 1], stem=other, folder="[라벨]지루성_1.경증")
    assert len(tree.imported(AIHubScalp)) == 2
    assert [line[1:] for line in tree.report] == [
        ("noted", "folder that the mapping does not have", "[라벨]지루성_1.경증")
    ]


def test_a_label_of_another_picture_is_left_out(tree):
    path = add(tree, [0, 2, 1, 0, 0, 1], stem="0099_other", image_file_name=f"{STEM}.jpg")
    add(tree, [0, 2, 1, 0, 0, 1])
    assert len(tree.imported(AIHubScalp)) == 1
    assert tree.said_of(path) == [("left out", "not of this layout")]


def test_values_out_of_range_are_left_blank(tree):
    path = add(tree, [0, 2, 1, 0, 0, 1], value_2="4", value_3="", value_5=None)
    [row] = tree.imported(AIHubScalp)
    assert [row[heading] for heading in HEADINGS] == ["0", "", "", "0", "", "1"]
    assert tree.said_of(path) == [("left blank", "not a grade of the schema")]
