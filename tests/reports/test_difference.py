"""A second run against a first: which photos are paired, what of them is told, and that nothing else counts."""

from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from multiskin.compare import statistics
from multiskin.compare.answers import read_pair
from multiskin.errors import UserError
from multiskin.reports import difference as module
from multiskin.reports.difference import Difference, difference_markdown, write_difference
from multiskin.reports.difference_table import print_difference
from multiskin.reports.paired import PairedRuns, Regraded
from multiskin.run import RunFolder
from multiskin.schema import MISSING, Attribute, Schema

HEADS = (Attribute("shine", 4), Attribute("kind", 3, kind="nominal"), Attribute("lines", 3))
PHOTOS = 30


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(module, "RESAMPLES", 200)


def made(photos=PHOTOS, seed=0, heads=HEADS, shift=0) -> pd.DataFrame:
    """Predictions as a measurement writes them; photo i is graded the same whatever the seed."""
    truth, random = np.random.default_rng(99), np.random.default_rng(seed)
    numbers = np.arange(photos) + shift
    table = {"row": numbers + 2, "image": [f"{i:02}.jpg" for i in numbers], "subject": [f"p{i // 3}" for i in numbers]}
    for attribute in heads:
        true = truth.integers(-1, attribute.grades, 100)[numbers]
        p = random.dirichlet(np.ones(attribute.grades), photos)
        table[attribute.true_column] = pd.Series(true).replace(MISSING, pd.NA).astype("Int64")
        scores = [p @ np.arange(attribute.grades)] if attribute.ordinal else []
        values = [p.argmax(axis=1), *scores, *p.T]
        table |= dict(zip(attribute.prediction_columns, values, strict=True))
    return pd.DataFrame(table)


def save(root: Path, table: pd.DataFrame, heads=HEADS, side="test") -> RunFolder:
    run = RunFolder(root)
    root.mkdir(exist_ok=True)
    run.config.write_text("data: {}\n")
    Schema(heads).save(run.schema)
    table.to_csv(run.predictions(side), index=False)
    return run


@pytest.fixture
def runs(tmp_path):
    """The second has photos 2..31 in another order, the heads in another order, and three other true grades."""
    first = save(tmp_path / "first", made(seed=1))
    table = made(seed=2, shift=2).sample(frac=1, random_state=0)
    cells = table.set_index("image")
    regraded = graded(cells, "shine")[:2]
    cells.loc[regraded, "shine_true"] = 3 - cells.loc[regraded, "shine_true"]
    cells.loc[graded(cells, "lines")[0], "lines_true"] = pd.NA
    return first, save(tmp_path / "second", cells.reset_index(), HEADS[::-1])


def graded(cells: pd.DataFrame, name: str) -> list[str]:
    """Photos of both runs that are graded for a head, by their names."""
    return sorted(set(cells.index[cells[f"{name}_true"].notna()]) & {f"{i:02}.jpg" for i in range(2, PHOTOS)})


def between(first: RunFolder, second: RunFolder, judge="second", side="test") -> Difference:
    return Difference.between(first, second, side, PairedRuns.of(first, second, side, judge))


def cells_of(run: RunFolder) -> pd.DataFrame:
    return pd.read_csv(run.predictions("test")).set_index("image")


@pytest.mark.parametrize("judge", ["first", "second"])
def test_photos_are_paired_by_name_and_judged_by_one_runs_grades(runs, judge):
    tables = dict(zip(("first", "second"), map(cells_of, runs), strict=True))
    paired = PairedRuns.of(*runs, "test", judge)
    assert (len(paired.second), paired.only_first, paired.only_second) == (28, 2, 2)
    for pair in paired.pairs():
        name, expected = pair.attribute.name, tables[judge][f"{pair.attribute.name}_true"].dropna()
        assert set(pair.images) == set(expected.index) & set(tables["first"].index) & set(tables["second"].index)
        assert pair.true.tolist() == expected[pair.images].tolist()
        for answers, of in ((pair.baseline, tables["first"]), (pair.candidate, tables["second"])):
            assert answers.predicted.tolist() == [of.loc[pair.images, name].tolist()]
            columns = pair.attribute.probability_columns
            np.testing.assert_allclose(answers.probabilities[0], of.loc[pair.images, columns])
    assert paired.regraded() == {"lines": Regraded(0, 0, 1), "shine": Regraded(2, 0, 0)}


def test_numbers_are_those_of_a_comparison_on_the_same_photos(runs, tmp_path):
    """Tables trimmed and corrected by hand go through the reader of comparisons."""
    first, second = map(cells_of, runs)
    both = sorted(set(first.index) & set(second.index))
    true = [attribute.true_column for attribute in HEADS]
    trimmed = [first.loc[both].assign(**second.loc[both, true]), second.loc[both]]
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for path, table in zip(paths, trimmed, strict=True):
        table.astype(dict.fromkeys(true, "Int64")).reset_index().to_csv(path, index=False)
    expected = statistics.compare([read_pair(each, paths[1:], paths[:1]) for each in HEADS[::-1]], 200)
    found = between(*runs).results
    numbers = [column for column in expected if expected[column].dtype == float]
    merged = found.merge(expected, on=["attribute", "metric"], suffixes=("", "_expected"))
    assert len(merged) == len(found) == len(expected) == 6 + 1 + 6 + 6
    for column in numbers:
        np.testing.assert_allclose(merged[column], merged[f"{column}_expected"], atol=1e-9)
    assert set(found["unit_kind"]) == {"subjects"}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999))
def test_every_answer_that_is_nearer_or_further_is_listed(tmp_path_factory, seed):
    folder = tmp_path_factory.mktemp("runs")
    tables = made(seed=seed), made(seed=seed + 1)
    runs = [save(folder / name, table) for name, table in zip(("first", "second"), tables, strict=True)]
    expected = set()
    for attribute in HEADS:
        for (_, one), (_, other) in zip(*(table.iterrows() for table in tables), strict=True):
            true = one[attribute.true_column]
            if pd.isna(true):
                continue
            before, now = (abs(of[attribute.name] - true) for of in (one, other))
            if not attribute.ordinal:
                before, now = before > 0, now > 0
            word = "mended" if not now else "broken" if not before else "nearer" if now < before else "further"
            if before != now:
                expected.add((attribute.name, one["image"], word))
    changes = PairedRuns.of(*runs, "test", "second").changes()
    assert set(changes[["attribute", "image", "change"]].itertuples(index=False, name=None)) == expected
    order = changes["change"].map({"broken": 0, "further": 0, "nearer": 1, "mended": 1}).groupby(changes["attribute"])
    assert order.apply(lambda of: of.is_monotonic_increasing).all()


def test_of_a_run_against_a_copy_of_itself_no_difference_is_seen(tmp_path):
    runs = [save(tmp_path / name, made()) for name in ("first", "second")]
    found = between(*runs)
    assert set(found.results["difference"]) == {0}
    assert found.changes.empty
    assert {cells[-1] for cells in map(module.cells, module.rows(found.results))} == {"no difference seen"}


class TestTold:
    def test_what_keeps_the_numbers_from_being_taken_for_more(self, runs):
        said = " ".join([between(*runs).caption(), *between(*runs).notes()])
        for words in (
            "second (second) against first (first) on 28 test photos of 10 subjects",
            "subjects are resampled",
            "these two trained models",
            "2 rows of first have no counterpart",
            "2 rows of second have no counterpart",
            "lines: 1 only in the first; shine: 2 changed",
            "judged by those of second",
        ):
            assert words in said
        assert "judged by those of first" in " ".join(between(*runs, judge="first").notes())

    def test_photos_of_nobody_known_are_drawn_by_themselves(self, tmp_path):
        tables = {"first": made(seed=1), "second": made(seed=2)}
        runs = [save(tmp_path / name, table.drop(columns="subject")) for name, table in tables.items()]
        found = between(*runs)
        assert "no subject is known" in found.caption()
        assert set(found.results["unit_kind"]) == {"photos"}

    def test_subjects_that_one_run_alone_knows_are_known(self, tmp_path):
        first = save(tmp_path / "first", made(seed=1))
        second = save(tmp_path / "second", made(seed=2).assign(subject=""))
        assert set(between(first, second).results["unit_kind"]) == {"subjects"}

    def test_validation_photos_are_called_so(self, tmp_path):
        runs = [save(tmp_path / name, made(), side="val") for name in ("first", "second")]
        assert "used to choose the epoch" in " ".join(between(*runs, side="val").notes())

    def test_the_mean_of_one_head_is_none(self, tmp_path):
        runs = [save(tmp_path / name, made(), HEADS[:2]) for name in ("first", "second")]
        assert set(between(*runs).results["attribute"]) == {"shine", "kind"}


def test_files_tables_and_page_say_the_same(runs, tmp_path, read_page):
    found = between(*runs)
    page = read_page(write_difference(found, tmp_path))
    page.assert_alone()
    table = pd.read_csv(tmp_path / "difference.csv").set_index(["attribute", "metric"])
    assert (table["second"] - table["first"]).tolist() == pytest.approx(table["difference"].tolist(), abs=1e-5)
    assert len(pd.read_csv(tmp_path / "difference_photos.csv")) == len(found.changes)
    text = (tmp_path / "difference.md").read_text()
    assert text == difference_markdown(found)
    console = Console(width=160, file=StringIO())
    print_difference(found, console)
    said = console.file.getvalue()
    kappa = table.loc[("shine", "kappa")]
    for number in (f"{kappa['first']:.3f}", f"{kappa['second']:.3f}", f"{kappa['detectable']:.3f}"):
        assert number.replace("-", "−") in text
        assert number.replace("-", "−") in page.text
        assert number in said
    mended = str((found.changes.loc[found.changes["attribute"] == "shine", "change"] == "mended").sum())
    assert page.rows("shine")[-1][1] == mended
    assert page.tags.count(("td", {"class": "words"})) == len(table)  # verdicts, which are read from the left
    assert f"| shine | {mended} |" in text
    for note in found.notes():
        assert note in text
        assert note in page.text


class TestMistakes:
    def test_the_same_run_twice(self, runs):
        with pytest.raises(UserError, match="given twice"):
            PairedRuns.of(runs[0], runs[0], "test", "second")

    def test_a_side_that_is_not_measured(self, runs):
        with pytest.raises(UserError, match=r"run 'multiskin validate .*first' first"):
            PairedRuns.of(*runs, "val", "second")

    @pytest.mark.parametrize(
        "head", [Attribute("lines", 4), Attribute("depth", 3), Attribute("lines", 3, grade_names=("a", "b", "c"))]
    )
    def test_other_attributes(self, runs, tmp_path, head):
        heads = (*HEADS[:2], head)
        with pytest.raises(UserError, match=rf"schema\.yaml: ({head.name}|lines) is not graded as in .*second"):
            PairedRuns.of(runs[1], save(tmp_path / "third", made(heads=heads), heads), "test", "second")

    def test_no_photo_in_common(self, runs, tmp_path):
        with pytest.raises(UserError, match="no photo of"):
            PairedRuns.of(runs[0], save(tmp_path / "third", made(shift=50)), "test", "second")

    def test_a_photo_that_stands_twice(self, runs, tmp_path):
        twice = save(tmp_path / "third", pd.concat([made(), made().iloc[:1]]))
        with pytest.raises(UserError, match=r"predictions_test\.csv: photo 00\.jpg is listed twice"):
            PairedRuns.of(runs[0], twice, "test", "second")
