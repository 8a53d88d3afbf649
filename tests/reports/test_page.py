"""The report page says what the run folder says, of any run, and can be opened by anyone anywhere."""

import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from sklearn.metrics import accuracy_score, cohen_kappa_score

from multiskin.config import Columns, DataConfig, FitConfig
from multiskin.errors import UserError
from multiskin.reports.grade_counts import graded_table, head_counts
from multiskin.reports.graded import GradedPredictions
from multiskin.reports.page import write_report
from multiskin.reports.thumbnails import random_hits, thumbnail, worst_misses
from multiskin.run import RunFolder, write_json
from multiskin.schema import Attribute, Schema

if TYPE_CHECKING:
    from tests.reports.conftest import Page

SCRIPT = "<script>alert(1)</script>"
SCHEMA = Schema(
    (
        Attribute("유분", 3, display={"ko": "유분"}, lowest={"ko": "없음"}, grade_names=("하", "중", "상")),
        Attribute("wrinkle", 5, display={"en": f"Lines {SCRIPT}"}),
        Attribute("kind", 3, kind="nominal", grade_names=("$\\frac$", '"><img src=x onerror=alert(1)>', "a&b")),
    )
)


def predictions(schema: Schema, photos: int, seed: int) -> pd.DataFrame:
    """Partial grades, of which the first head's are mostly found."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame({"row": np.arange(2, photos + 2), "image": [f"{number}.png" for number in range(photos)]})
    for attribute in schema:
        k = attribute.grades
        probabilities = random.dirichlet(np.ones(k), photos)
        true = np.where(random.random(photos) < 0.2, pd.NA, random.integers(0, k, photos).astype(object))
        table[attribute.true_column] = pd.Series(true, dtype="Int64")
        table[attribute.name] = probabilities.argmax(axis=1)
        if attribute.ordinal:
            table[f"{attribute.name}_score"] = probabilities @ np.arange(k)
        for grade in range(k):
            table[f"{attribute.name}_p{grade}"] = probabilities[:, grade]
    return table


def run_folder(root: Path, schema: Schema, columns: Columns, **tables: pd.DataFrame) -> RunFolder:
    """A run with the given tables of predictions, and nothing that it can do without."""
    root.mkdir()
    run = RunFolder(root)
    config = FitConfig(schema="secret/schema.yaml", out="/secret/out", data=DataConfig(root="/secret", columns=columns))
    run.config.write_text(yaml.safe_dump(asdict(config), allow_unicode=True), encoding="utf-8")
    schema.save(run.schema)
    for side, table in tables.items():
        table.to_csv(run.predictions(side), index=False)
    known = ["row", "image", *({"subject"} & set(next(iter(tables.values()), pd.DataFrame())))]
    train = pd.DataFrame({"row": [900, 901], "image": ["t0.png", "t1.png"], "subject": "안"})
    sides = {"train": train, **tables}
    split = pd.concat([table.reindex(columns=known or ["row", "image"]).assign(split=s) for s, table in sides.items()])
    split.to_csv(run.split, index=False)
    return run


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Everything that a run can have, with names as bad as can be; photo 0 is gone."""
    root = tmp_path_factory.mktemp("full")
    tables = {}
    for seed, side in enumerate(("val", "test")):
        table = predictions(SCHEMA, 90, seed)
        table.insert(2, "subject", ["", "NA", *(f"{number // 4:03}" for number in range(88))])
        table.insert(3, "part", ["이마", f"뺨{SCRIPT}", "NA"] * 30)
        table.insert(4, "age", ["9", "10"] * 45)
        tables[side] = table
    run = run_folder(root / "run", SCHEMA, Columns(subject="s", part="p", groups=["age", "gone"]), **tables)
    second = {"유분": {"n": 80.0, "p_recall": 0.871}, "wrinkle": {"n": 3.0, "p_recall": None}}
    write_json(run.metrics, {"test": {"second_rater": second}})
    run.curves.parent.mkdir()
    heads = {f"val/{name}/rps_balanced": [0.2, None, 0.1, None] for name in SCHEMA.names}
    effective = {f"sampling/wrinkle/{what}": [None, 1200.0, None, 1300.0] for what in ("effective", "distinct")}
    log = {"epoch": [0, 0, 1, 1], "val/loss": [1, None, 0.9, None], "train/loss": [None, 1, None, 0.8]}
    log |= {"train/cosine/유분/wrinkle": [None, -0.2, None, -0.3]}
    pd.DataFrame(log | heads | effective | {"train/seconds": [None, 61.4, None, 3600]}).to_csv(run.curves, index=False)
    (root / "photos").mkdir()
    for number in range(1, 90):
        picture = Image.new("RGB", (300, 200), "tan")
        exif = picture.getexif()
        exif[0x010E] = "whose photo this is"
        picture.save(root / "photos" / f"{number}.png", exif=exif)
    write_report(run, root / "photos")
    return run


@pytest.fixture(scope="module")
def page(full: RunFolder, read_page: "Callable[[Path], Page]") -> "Page":
    return read_page(full.root / "report.html")


ONE = Schema((Attribute("oil", 5),))


@pytest.fixture
def bare(tmp_path: Path) -> Callable[..., RunFolder]:
    """A run of one head, with no more than it needs."""

    def make(table: pd.DataFrame, columns: Columns | None = None) -> RunFolder:
        return run_folder(tmp_path / "bare", ONE, columns or Columns(), val=table)

    return make


def test_it_can_be_opened_by_anyone_anywhere(page: "Page") -> None:
    page.assert_alone()
    page.assert_sound()
    page.assert_own_colours()


def test_names_are_words_and_nothing_else(page: "Page") -> None:
    assert "<script" not in page.source
    assert not [attributes for tag, attributes in page.tags if tag == "img" and attributes.get("src") == "x"]
    for words in (f"Lines {SCRIPT}", "유분", f"뺨{SCRIPT}", "$\\frac$", "a&b", "하"):
        assert words in page.text


def test_the_results_are_those_of_the_test_photos(full: RunFolder, page: "Page") -> None:
    table = pd.read_csv(full.predictions("test"))
    true, found = (table.loc[table["유분_true"].notna(), column].astype(int) for column in ("유분_true", "유분"))
    credit = {0: 1.0, 1: 0.5, 2: -0.5}
    by_grade = [np.mean([credit[abs(g - d)] for g, d in zip(true, found, strict=True) if g == k]) for k in range(3)]
    [row] = [row for row in page.rows("유분") if len(row) == 7]
    assert row[1].split()[0].replace("−", "-") == f"{np.mean(by_grade):.2f}"
    assert row[2] == "0.67"  # always the middle grade: a half, one and a half, of three grades
    assert row[3] == "0.87 on 80"
    kappa = cohen_kappa_score(true, found, weights="quadratic")
    assert [float(row[column].split()[0].replace("−", "-")) for column in (4, 5)] == pytest.approx(
        [kappa, (true - found).abs().mean()], abs=0.00501
    )
    assert row[6] == str(len(true))
    [row] = [row for row in page.rows("kind") if len(row) == 6]
    true, found = (table.loc[table["kind_true"].notna(), column].astype(int) for column in ("kind_true", "kind"))
    assert row[1].split()[0] == f"{accuracy_score(true, found):.2f}"
    assert row[2] == f"{true.value_counts().max() / len(true):.2f}"


def test_intervals_enclose_their_values_and_are_said_to_be_of_subjects(page: "Page") -> None:
    found = re.findall(r"(−?[\d.]+) (−?[\d.]+) to (−?[\d.]+)", page.text)
    assert len(found) > 20
    for words in found:
        value, low, high = (float(word.replace("−", "-")) for word in words)
        assert low <= value <= high
    assert "of the 23 subjects; photos of unknown subjects (1) are drawn individually" in page.text


def test_groups_stand_in_natural_order_with_their_gap(full: RunFolder, page: "Page") -> None:
    table = pd.read_csv(full.predictions("test"), dtype={"age": str}, keep_default_na=False)
    accuracies = {}
    for age in ("9", "10"):
        of_age = table[(table["age"] == age) & (table["kind_true"] != "")]
        accuracies[age] = accuracy_score(of_age["kind_true"].astype(int), of_age["kind"])
        [row] = page.rows(age)
        assert row[3].split()[0] == f"{accuracies[age]:.2f}"
        assert row[3].endswith(f"n {len(of_age)}")
    titles = [row[0].strip() for row in page.cells]
    assert titles.index("9") < titles.index("10")
    gap = page.rows("gap")[-1][3].split()
    assert float(gap[0]) == pytest.approx(abs(accuracies["9"] - accuracies["10"]), abs=0.00501)
    assert gap[-1] == min(accuracies, key=accuracies.__getitem__)
    assert page.rows("NA")  # a value, not a blank


def test_each_grade_has_its_recall_and_what_it_is_taken_for(full: RunFolder, page: "Page") -> None:
    table = pd.read_csv(full.predictions("test"))
    found = table.loc[table["유분_true"] == 0, "유분"]
    [row] = [row for row in page.rows("하") if len(row) == 8]
    assert row[1] == str(len(found))
    assert row[2].split()[0] == f"{(found == 0).mean():.2f}"
    decided = table.loc[table["유분_true"].notna() & (table["유분"] == 0), "유분_true"]
    assert row[3].split()[0] == f"{(decided == 0).mean():.2f}"
    assert row[4].split()[0] == f"{2 * (found == 0).sum() / (len(found) + len(decided)):.2f}"
    assert row[5:7] == ["0 %", f"{(found > 0).mean():.0%}".replace("%", " %")]
    most = found[found > 0].value_counts()
    assert row[7].startswith(f"{('하', '중', '상')[most.index[0]]} ({most.iloc[0] / len(found):.0%}".replace("%", " %"))
    assert len(page.rows("a&b")[0]) == 6  # too low or too high says nothing of classes


def test_what_was_logged_is_told(page: "Page") -> None:
    assert page.rows(f"Lines {SCRIPT}")[-1] == [f"Lines {SCRIPT}", "1 250", "1 250"]
    assert "training time 1:01:01" in page.text


def test_how_heads_agree_is_told(page: "Page") -> None:
    assert [row for row in page.rows("유분") if len(row) == 3] == [["유분", f"Lines {SCRIPT}", "−0.25"]]


def test_persons_stand_beside_photos(bare: Callable[..., RunFolder], read_page: "Callable[[Path], Page]") -> None:
    run = bare(predictions(ONE, 40, 0).assign(subject=np.arange(40) // 4), Columns(subject="s"))
    persons = predictions(ONE, 10, 1).drop(columns=["row", "image"]).assign(subject=np.arange(10), photos=4)
    persons.to_csv(run.persons("val"), index=False)
    write_json(run.metrics, {"val": {"persons": {"heads": {"oil": {"several": 9, "differing": 2}}}}})
    page = read_page(write_report(run))
    page.assert_sound()
    true, found = (persons.loc[persons["oil_true"].notna(), column].astype(int) for column in ("oil_true", "oil"))
    credit = {0: 1.0, 1: 0.5, 2: -0.5, 3: -1.0, 4: -1.5}
    by_grade = [np.mean([credit[abs(g - d)] for g, d in zip(true, found, strict=True) if g == k]) for k in set(true)]
    [row] = [row for row in page.rows("oil") if len(row) == 7]
    assert row[2].split()[0].replace("−", "-") == f"{np.mean(by_grade):.2f}"
    assert " to " in row[2]
    assert "whose grades differ: oil 2 of 9." in page.text


def test_places_stay_at_home(page: "Page") -> None:
    assert "secret" not in page.source
    assert "whose photo this is" not in page.source
    assert ".png" not in page.source


def test_photographs_are_small_and_a_missing_one_is_told(full: RunFolder, page: "Page", tmp_path: Path) -> None:
    assert "This page contains photographs" in page.text
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    shown = len(pictures) + page.text.count("photo not found")
    assert shown == 4 * 2 * len(SCHEMA)
    picture = pictures[0]["src"]
    assert picture is not None
    with Image.open(BytesIO(b64decode(picture.partition(",")[2]))) as image:
        assert image.size == (128, 85)
        assert not image.getexif()
    assert thumbnail(tmp_path / "gone.png") is None


def test_the_worst_misses_come_first_and_right_answers_differ() -> None:
    table = pd.DataFrame(
        {"row": range(6), "image": "a"} | {f"oil_p{grade}": [0.1, 0.2, 0.3, 0.1, 0, 0.1] for grade in range(5)}
    )
    table["oil_true"] = pd.Series([0, 4, 4, 2, None, 2], dtype="Int64")
    table["oil"] = [1, 0, 0, 3, 3, 2]
    grades = table[["oil_true"]].fillna(-1).to_numpy(np.int64)
    predictions = GradedPredictions(ONE, table, grades, table[["oil"]].to_numpy())
    assert worst_misses(predictions, 0).tolist() == [1, 2, 0, 3]
    assert random_hits(predictions, 0).tolist() == [5]
    right = np.repeat(np.arange(5), 7)[:, None]
    order = random_hits(GradedPredictions(ONE, table, right, right), 0)
    assert sorted(order) == list(range(35))
    for start in range(0, 35, 5):
        assert sorted(right[order[start : start + 5], 0]) == [0, 1, 2, 3, 4]


def test_what_is_absent_is_said_to_be(bare: Callable[..., RunFolder], read_page: "Callable[[Path], Page]") -> None:
    run = bare(predictions(ONE, 30, 0))
    write_json(run.metrics, {"val": {}})
    page = read_page(write_report(run))
    for words in (
        "There are no test photos. These are validation photos",
        "resamples of the photos. No subjects are known",
        "No second rater has graded these photos",
        "The run folder holds no learning curves",
        "does not hold the grades of the training photos; these are the grades of the validation photos",
        "so they are not shown",
        "It is not a medical device",
    ):
        assert words in page.text
    for words in ("Effective sample sizes", "Results by group", "training time", "nan", "None"):
        assert words not in re.sub(r"<pre>.*?</pre>", "", page.source, flags=re.DOTALL)
    assert not [tag for tag, _ in page.tags if tag == "img"]


def test_probabilities_are_shown_with_and_without_calibration(
    bare: Callable[..., RunFolder], read_page: "Callable[[Path], Page]"
) -> None:
    run = bare(predictions(ONE, 60, 0))
    [alone] = [row for row in read_page(write_report(run)).rows("oil") if len(row) == 5]
    assert "uncalibrated" not in " ".join(alone)
    raw = predictions(ONE, 60, 0)
    columns = [f"oil_p{grade}" for grade in range(5)]
    raw[columns] = raw[columns] ** 4 / (raw[columns] ** 4).sum(axis=1).to_numpy()[:, None]
    raw.to_csv(run.uncalibrated("val"), index=False)
    page = read_page(write_report(run))
    page.assert_sound()
    page.assert_own_colours()
    [row] = [row for row in page.rows("oil") if len(row) == 5]
    now, before = row[1].split(" uncalibrated: ")
    assert now == alone[1]
    assert float(before) > float(now)
    assert " uncalibrated: " in row[3]
    assert row[4] == str(raw["oil_true"].notna().sum())
    assert "The calibration was fitted to these photos" in page.text
    raw.iloc[1:].to_csv(run.uncalibrated("val"), index=False)
    with pytest.raises(UserError, match=r"uncalibrated_val\.csv: its photos are not those of predictions_val\.csv"):
        write_report(run)


def test_a_page_without_photographs(
    bare: Callable[..., RunFolder], read_page: "Callable[[Path], Page]", tmp_path: Path
) -> None:
    page = read_page(write_report(bare(predictions(ONE, 30, 0).assign(subject="kim")), tmp_path, examples=0))
    assert "Examples" not in page.text
    assert "there is none here, since a single person or photo says nothing about others" in page.text
    assert " to " not in page.rows("oil")[0][1]


def test_grades_of_training_photos_count_where_the_split_tells_them() -> None:
    split = pd.DataFrame(
        {"split": ["train"] * 3 + ["val"], "oil_true": ["4", "", "4", "0"], "part": ["a", "a", "", "b"]}
    )
    [head] = head_counts(graded_table(split, {}, ONE), ONE, ["part", "gone"])
    told = {column: [(of.title, of.photos, of.counts) for of in slices] for column, slices in head.slices.items()}
    assert told == {
        "split": [("training", 3, [0, 0, 0, 0, 2]), ("validation", 1, [1, 0, 0, 0, 0])],
        "part": [("a", 2, [0, 0, 0, 0, 1]), ("b", 1, [1, 0, 0, 0, 0])],
    }
    assert head.slices["split"][0].missing == pytest.approx(1 / 3)


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"test": {}}', '{"val": 0}'])
def test_lost_results_do_not_stop_the_page_which_says_how_to_get_them_back(
    content: str | None, bare: Callable[..., RunFolder], read_page: "Callable[[Path], Page]"
) -> None:
    run = bare(predictions(ONE, 30, 0))
    if content is not None:
        run.metrics.write_text(content)
    page = read_page(write_report(run))
    assert "metrics.json holds no results" in page.text
    assert "multiskin validate" in page.text
    assert "No second rater has graded" not in page.text  # nobody knows


def test_a_run_without_predictions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no predictions yet; run 'multiskin validate"):
        write_report(run_folder(tmp_path / "run", ONE, Columns()))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("predictions_val.csv", "row,image\n2,a.png\n"),
        ("predictions_val.csv", "row,image,oil_true,oil\n2,a.png,9,1\n"),
        ("config.yaml", "- not a mapping\n"),
        ("split.csv", "image\na.png\n"),
        ("logs/metrics.csv", "step\n1\n"),
    ],
)
def test_a_file_that_is_not_the_run_s_is_named(name: str, content: str, bare: Callable[..., RunFolder]) -> None:
    run = bare(predictions(ONE, 5, 0))
    (run.root / "logs").mkdir()
    (run.root / name).write_text(content)
    with pytest.raises(UserError, match=re.escape(name)):
        write_report(run)
