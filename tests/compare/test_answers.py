"""Tables of predictions are read correctly, or refused with the file and the photo named."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from multiskin.compare.answers import read_pair
from multiskin.errors import UserError
from multiskin.schema import Attribute

DEPTH = Attribute("depth", 3)
TRUE = {"b.jpg": 2, "a.jpg": 0, "c.jpg": None, "7.jpg": 1}
SUBJECTS = {"b.jpg": "007", "a.jpg": "NA", "c.jpg": "kim", "7.jpg": ""}


def table(predicted: dict[str, int], graded_for: str = "depth", **columns: object) -> pd.DataFrame:
    rows = []
    for row, image in enumerate(TRUE):
        probabilities = {f"depth_p{grade}": 0.8 if grade == predicted[image] else 0.1 for grade in range(3)}
        facts = {"row": row, "image": image, "subject": SUBJECTS[image], f"{graded_for}_true": TRUE[image]}
        rows.append(facts | {"depth": predicted[image], "depth_score": 1.5} | probabilities)
    return pd.DataFrame(rows).astype({f"{graded_for}_true": "Int64"}).assign(**columns)


@pytest.fixture
def write(tmp_path):
    def write(name: str, content: pd.DataFrame) -> Path:
        path = tmp_path / name / "predictions_test.csv"
        path.parent.mkdir()
        content.to_csv(path, index=False)
        return path

    return write


ONES, TRUTH = dict.fromkeys(TRUE, 1), {image: grade or 0 for image, grade in TRUE.items()}


@pytest.fixture
def whole(write):
    return write("whole", table(ONES, other=5))


def test_photos_are_matched_by_their_path_whatever_the_order(write, whole) -> None:
    shuffled = table(TRUTH).iloc[[3, 0, 1]]  # without the ungraded photo, which may be missing
    pair = read_pair(DEPTH, [whole, write("second", table(TRUTH))], [write("c", shuffled), write("d", table(ONES))])
    assert pair.images.tolist() == ["7.jpg", "a.jpg", "b.jpg"]
    assert pair.true.tolist() == [1, 0, 2]
    assert pair.subjects.tolist() == ["", "NA", "007"]
    assert pair.units.tolist() == ["photo 7.jpg", "subject NA", "subject 007"]
    assert pair.seeds == 2
    assert pair.candidate.predicted.tolist() == [[1, 1, 1], [1, 0, 2]]
    assert pair.baseline.predicted.tolist() == [[1, 0, 2], [1, 1, 1]]
    np.testing.assert_array_equal(pair.candidate.probabilities.argmax(-1), pair.candidate.predicted)
    assert pair.baseline.probabilities.shape == (2, 3, 3)


def test_photos_without_subjects_are_resampled_individually(write) -> None:
    tables = [table(ONES).drop(columns="subject") for _ in range(2)]
    pair = read_pair(DEPTH, [write("a", tables[0])], [write("b", tables[1])])
    assert pair.units.tolist() == [f"photo {image}" for image in pair.images]


def test_parts_of_one_photo_without_a_subject_are_resampled_together(write) -> None:
    parts = table(ONES).drop(columns="subject")
    parts["image"] = ["face.jpg#xywh=0,0,9,9", "face.jpg#xywh=9,0,9,9", "other.jpg", "face.jpg"]
    pair = read_pair(DEPTH, [write("a", parts)], [write("b", parts)])
    assert pair.units.tolist() == ["photo face.jpg"] * 3  # the other one is not graded


def test_an_attribute_may_have_any_name(write) -> None:
    paths = [write(name, table(TRUTH).rename(columns=lambda column: column.replace("depth", "true"))) for name in "ab"]
    pair = read_pair(Attribute("true", 3), paths[:1], paths[1:])
    assert pair.true.tolist() == pair.baseline.predicted[0].tolist() == [1, 0, 2]


def test_an_attribute_without_grades_has_no_photos(write) -> None:
    none = table(ONES, depth_true=None)
    pair = read_pair(DEPTH, [write("a", none)], [write("b", none)])
    assert len(pair.true) == len(pair.images) == 0
    assert pair.candidate.probabilities.shape == (1, 0, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (table(ONES).iloc[:1], r"^\S+other\S+: photo 7\.jpg is not graded here, but it is in .*whole"),
        (
            table(ONES, image=["b.jpg", "new.jpg", "c.jpg", "7.jpg"]),
            r"^\S+whole\S+: photo new\.jpg is not graded here, but it is in .*other",
        ),
        (table(ONES, depth_true=[2, 1, None, 1]), r"other.*photo a\.jpg: true grade is 1, but 0 in .*whole"),
        (table(ONES, subject="kim"), r"other.*photo 7\.jpg: subject is kim, but blank in .*whole"),
        (table(ONES, image="b.jpg"), r"other.*photo b\.jpg appears twice"),
        (table(ONES, depth=[0, 3, 0, 0]), r"other.*photo a\.jpg: depth needs grades in 0\.\.2"),
        (table(ONES, depth_p1=[0.1, 0.1, None, None]), r"other.*photo 7\.jpg: depth needs grades in 0\.\.2 and their"),
        (table(ONES, depth_p2="many"), r"other.*photo 7\.jpg: depth needs grades"),
        (table(ONES).drop(columns="depth_p2"), "other.*not predictions of depth"),
        (table(ONES, graded_for="width"), "other.*not predictions of depth"),
        (pd.DataFrame(), "other.*not predictions of depth"),
    ],
)
def test_tables_that_do_not_fit_are_refused(write, whole, content, message) -> None:
    with pytest.raises(UserError, match=message):
        read_pair(DEPTH, [whole], [write("other", content)])


def test_a_run_that_has_not_finished_is_named(whole, tmp_path) -> None:
    with pytest.raises(UserError, match=r"crashed/predictions_test\.csv: no such file; the run has not finished"):
        read_pair(DEPTH, [whole], [tmp_path / "crashed" / "predictions_test.csv"])


def test_a_run_given_twice_or_left_without_its_counterpart_is_refused(write, whole) -> None:
    other, third = write("other", table(ONES)), write("third", table(ONES))
    with pytest.raises(UserError, match=r"whole.*given twice"):
        read_pair(DEPTH, [whole, whole], [other, third])
    with pytest.raises(UserError, match="depth: 2 candidate runs and 1 baseline runs"):
        read_pair(DEPTH, [whole, other], [third])
