"""The page, tables and pictures of a comparison say what its results say, and no more."""

import csv
import io
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image
from rich.console import Console

from multiskin.compare.answers import Pair, Predictions
from multiskin.compare.comparison import Comparison
from multiskin.compare.cost import Cost
from multiskin.compare.resampled import resampled_metrics
from multiskin.compare.statistics import compare
from multiskin.compare.words import interval_verdict
from multiskin.metrics.bootstrap import Interval
from multiskin.reports import comparison as of_comparison
from multiskin.reports.comparison import FILES, results_json, write_comparison, write_comparison_figures
from multiskin.reports.comparison_charts import draw_costs, draw_differences, draw_levels
from multiskin.reports.comparison_lines import lines_of, shown_summary
from multiskin.reports.comparison_tables import comparison_table_markdown
from multiskin.reports.styles import LIGHT, picture_style
from multiskin.reports.tables import print_comparison
from multiskin.schema import Attribute, Schema

if TYPE_CHECKING:
    from tests.reports.conftest import Page

FIVE = Schema.load(str(files("multiskin.embedded") / "schema.yaml"))
MIXED = Schema(
    (
        Attribute("유분", 5, display={"ko": "유분"}),
        Attribute("lines", 3, display={"en": "Modified severity | of <b>lines</b> on the whole forehead"}),
        Attribute("kind", 3, kind="nominal", display={"en": "Kind", "ko": "종류"}),
    )
)
CONFIG = {
    "schema": "/secret/schema.yaml",
    "out": "/secret/out",
    "seed": 0,
    "trainer": {"max_epochs": 15, "patience": None, "monitor": "val/mean/rps_balanced"},
    "data": {"root": "/secret/photos", "manifest": "/secret/inputs/shared.csv", "batch_size": 32},
    "model": {"backbone": "efficientnet_b0", "weights": "/secret/weights.pth"},
}
RANGES = {"shared_least": 1100.0, "shared_most": 1300.0, "singles_least": 3800.0, "singles_most": 3900.0}
COST = [
    Cost("parameters", "", "", 4_040_000, 20_070_000, 4.97),
    Cost("image passes in training", "", "", 10_500.0, 33_600.0, 3.2),
    Cost(*("time to train", "s", "", 1233.0, 3866.4, 3.14), **RANGES),
    Cost("checkpoint", "bytes", "", 49_100_000, 244_000_000, 4.97),
    Cost("latency of one photo", "ms", "CPU (AVX2, threads: 2)", 21.3, 104.2, 4.88, 4.71, 5.03, 40),
    Cost("throughput in batches of 32", "photos/s", "CPU (AVX2, threads: 2)", 1821.4, 371.2, 4.91, 4.85, 4.98, 22),
    Cost("latency of one photo", "ms", "Some GPU", 2.13, 10.2, 4.79, 4.6951, 4.8951, 200),
]
SHARES = (0.35, 0.3, 0.2, 0.1, 0.05)  # of grades
DRAWS = ["attribute", "single", "shared"]
PHOTOS = (400, 300, 200, 250, 80)  # graded for each attribute, of 400 of 80 subjects


def pair(attribute: Attribute, photos: int, better: float, seeds: int, random: np.random.Generator) -> Pair:
    """Two sides that see the same hard photos, of which the candidate has less noise of its own."""
    shares = np.array(SHARES[: attribute.grades])
    true = random.choice(attribute.grades, photos, p=shares / shares.sum())
    hard = random.normal(size=photos)

    def side(noise: float) -> Predictions:
        seen = true + 0.4 * hard + noise * random.normal(size=(seeds, photos))
        weights = np.exp(-((np.arange(attribute.grades) - seen[..., None]) ** 2))
        return Predictions(weights.argmax(-1), weights / weights.sum(-1, keepdims=True))

    number = random.permutation(400)[:photos]
    subjects = np.array([f"s{photo // 5:02}" for photo in number])
    return Pair(
        attribute, np.array([f"{photo:03}.png" for photo in number]), subjects, true, side(0.5 - better), side(0.5)
    )


def comparison_of(
    schema: Schema = FIVE, seeds: Sequence[int] = (0, 1, 2), photos: Sequence[int] = PHOTOS, **more: Any
) -> Comparison:
    random = np.random.default_rng(len(seeds))
    better = (0.15, 0.0, 0.05, -0.15, 0.0)
    pairs = [pair(a, n, b, len(seeds), random) for a, n, b in zip(schema, photos, better, strict=False)]
    by_seed = [
        (seeds[position], of.attribute.name, metric, candidate, baseline)
        for of, metrics in zip(pairs, resampled_metrics(pairs, 1, 0), strict=True)
        for metric, values in metrics.items()
        for position, (candidate, baseline) in enumerate(values[0].T)
    ]
    ordinal = [attribute.name for attribute in schema if attribute.ordinal]
    made = Comparison(
        schema,
        {"shared": {str(seed): f"shared-{seed}-ab" for seed in seeds}},
        list(seeds),
        protocol="equal-epochs",
        side="test",
        photos=400,
        config=CONFIG,
        results=compare(pairs, 200),
        by_seed=pd.DataFrame(by_seed, columns=["seed", "attribute", "metric", "candidate", "baseline"]),
        cost=pd.DataFrame(COST),
        draws=pd.DataFrame(
            [(each, n or 1, 0.9 * (n or 1)) for each, n in zip(schema.names, photos, strict=False)], columns=DRAWS
        ),
        constant={name: {"p_recall": 0.2 + 0.01 * place} for place, name in enumerate(ordinal)},
        second_rater={name: {"n": 90.0, "p_recall": 0.7 + 0.01 * place} for place, name in enumerate(ordinal)},
        missing={},
        versions={"Python": "3.12.3", "multiskin": "0.1.0"},
        single_epochs=15,
    )
    return replace(made, **more)


@pytest.fixture(scope="module")
def five() -> Comparison:
    return comparison_of()


@pytest.fixture(scope="module")
def mixed() -> Comparison:
    return comparison_of(MIXED, second_rater={})


@pytest.fixture(scope="module")
def root(five: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("five")
    write_comparison(five, root)
    return root


@pytest.fixture(scope="module")
def page(root: Path, read_page: "Callable[[Path], Page]") -> "Page":
    return read_page(root / "report.html")


@pytest.fixture
def page_of(read_page: "Callable[[Path], Page]", tmp_path: Path) -> "Callable[[Comparison], Page]":
    return lambda comparison: read_page(write_comparison(comparison, tmp_path))


@pytest.fixture
def words_of(page_of: "Callable[[Comparison], Page]", blank_figures: Any) -> "Callable[[Comparison], Page]":
    """A page whose figures are blank."""

    def write(comparison: Comparison) -> "Page":
        with blank_figures():
            return page_of(comparison)

    return write


def result(comparison: Comparison, attribute: str, metric: str = "p_recall") -> pd.Series:
    of = comparison.results
    return of[(of["attribute"] == attribute) & (of["metric"] == metric)].iloc[0]


def signed(value: float) -> str:
    written = f"{value:+.3f}".replace("-", "−")
    return written if written[1:] != "0.000" else "0.000"


def plain(value: float) -> str:
    return f"{value:.3f}".replace("-", "−")


def limits(found: pd.Series, which: str) -> str:
    """Rounded outwards; no limit of these comparisons is so near to 0 that it takes more digits."""
    low, high = math.floor(1000 * found[f"{which}_low"]), math.ceil(1000 * found[f"{which}_high"])
    return f"{plain(low / 1000)} to {plain(high / 1000)}"


def test_it_leaves_everything_and_nothing_half_written(root: Path) -> None:
    names = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    pictures = {f"figures/{name}.png" for name in ("differences", "levels", "cost")}
    assert names == {"results.json", "table.csv", "table.md", "report.html"} | pictures
    assert set(FILES) == {path.name for path in root.iterdir()}


def test_the_page_can_be_opened_by_anyone_anywhere(page: "Page") -> None:
    page.assert_alone()
    page.assert_sound()
    page.assert_own_colours()
    assert not re.search(r"\b(nan|None|secret)\b", page.source)


def test_it_begins_with_an_answer_that_its_interval_carries(five: Comparison, page: "Page") -> None:
    mean = result(five, "mean")
    answer = (
        f"One model instead of 5: mean P-Recall {signed(mean['difference'])} (95 % interval of the method "
        f"{limits(mean, 'method')}): {mean['verdict']}. The 5 single models together have 5.0 times as many "
        "parameters, took 3.2 times as many photos through a network in training and take 4.9 (CPU) and 4.8 (Some "
        "GPU) times as long to answer."
    )
    assert answer in page.text.replace(" )", ")").replace("( ", "(")
    assert "400 test photos of 80 subjects, with seeds 0, 1, 2" in page.text
    for words in ("Exploratory", "Still being tuned", "Not complete", "Missing runs", "Nothing learned"):
        assert words not in page.text


def test_a_head_that_loses_is_told_wherever_an_open_mean_is(
    five: Comparison, words_of: "Callable[[Comparison], Page]"
) -> None:
    results = five.results.assign(method_low=-0.01, method_high=0.01)
    of_oil = (results["attribute"] == "oil") & results["metric"].isin(["p_recall", "mae"])
    results.loc[of_oil, ["method_low", "method_high"]] = [[-0.03, -0.02], [0.02, 0.03]]  # more MAE is worse
    by = "(By 6 metrics, each with its own 95 % interval of the method.)"
    told = f"Shown worse: Oil (P-Recall, MAE). Shown better: none. {by}"
    losing = replace(five, results=results, draws=five.draws.assign(shared=five.draws["single"] * 0.42))
    page = words_of(losing)
    worth = "An epoch of training was worth 0.42 times as many photos to Oil as to its single model."
    assert f"{told} {worth}" in page.text
    assert "start the same command again with --distill 3" in page.text
    taught = replace(losing, config=CONFIG | {"distillation": {"teachers": ["a"], "weight": 1.0}})
    assert "--distill" not in words_of(taught).text
    assert page.text.index("One model instead of 5: mean") < page.text.index(told) < page.text.index("is compared with")
    assert told in comparison_table_markdown(losing)
    assert told in " ".join(printed(losing).split())
    level = replace(five, results=five.results.assign(method_low=-0.01, method_high=0.01))
    assert f"Shown worse: none. Shown better: none. {by} One model with" in words_of(level).text


def test_the_main_table_is_that_of_the_results(five: Comparison, page: "Page") -> None:
    for place, attribute in enumerate(FIVE):
        found, [row, *_] = result(five, attribute.name), page.rows(f"{attribute.title()} {attribute.display['ko']}")
        assert row == [
            f"{attribute.title()} {attribute.display['ko']}",
            plain(0.2 + 0.01 * place),
            f"{plain(0.7 + 0.01 * place)} on 90",
            plain(found["baseline"]),
            plain(found["candidate"]),
            signed(found["difference"]),
            limits(found, "trained"),
            limits(found, "method"),
            plain(found["detectable"]),
            found["verdict"],
        ]
    note = result(five, "hydration")["note"]
    assert note
    told = "Some grades are rare among these photos, so each photo that has one counts for more"
    assert f"{told}: Dryness: {note}." in page.text
    assert page.rows("mean")[0][1:3] == ["0.220", "0.720"]
    gain = f"{result(five, 'mean')['gain_percent']:+.1f}".replace("-", "−")
    assert f"P-Recall {gain} %" in page.text


def test_every_other_metric_has_a_line_a_head_that_says_what_its_interval_shows(five: Comparison, page: "Page") -> None:
    others = ("kappa", "mae", "macro_mae", "accuracy", "rps")
    told = set()
    for attribute, title in [*((each.name, each.title()) for each in FIVE), ("mean", "mean")]:
        lines = [row for row in page.rows(title) if len(row) == 7]
        for metric, row in zip(others, lines, strict=True):
            found = result(five, attribute, metric)
            shown = found["verdict"] if found["verdict"] in ("better", "worse") else ""
            told.add(shown)
            assert row == [
                title,
                f"{signed(found['difference'])} {shown}".rstrip(),
                limits(found, "method"),
                limits(found, "trained"),
                plain(found["detectable"]),
                plain(found["baseline"]),
                plain(found["candidate"]),
            ]
    assert told == {"better", "worse", ""}
    headings = [" ".join(row[0].split()) for row in page.cells if len(row) == 2]
    assert headings == [
        "kappa higher is better",
        "MAE lower is better",
        "macro MAE lower is better",
        "accuracy higher is better",
        "RPS lower is better",
    ]


def test_what_an_interval_shows_of_one_seed_is_of_these_trained_models(
    words_of: "Callable[[Comparison], Page]",
) -> None:
    one = comparison_of(seeds=[7])
    page = words_of(one)
    mae, row = result(one, "mean", "mae"), page.rows("mean")[2]
    assert mae["trained_high"] < 0
    assert row[1:4] == [f"{signed(mae['difference'])} better", "–", limits(mae, "trained")]


def test_costs_are_told_in_their_units_under_their_device(page: "Page") -> None:
    assert page.rows("parameters") == [["parameters", "20.1 M", "4.04 M", "4.97"]]
    assert page.rows("time to train") == [
        ["time to train", "1:04:26 1:03:20 to 1:05:00", "0:20:33 0:18:20 to 0:21:40", "3.14"]
    ]
    assert "over seeds with the lowest and the highest value below; training time is wall-clock time" in page.text
    assert page.rows("checkpoint") == [["checkpoint", "244 MB", "49.1 MB", "4.97"]]
    slow, fast = page.rows("latency of one photo")
    assert slow == ["latency of one photo", "104 ms", "21.3 ms", "4.88 4.71 to 5.03"]
    assert fast[1:] == ["10.2 ms", "2.13 ms", "4.79 4.69 to 4.90"]
    assert page.rows("throughput in batches of 32")[0][1:3] == ["371 photos/s", "1 821 photos/s"]
    titles = [row[0].strip() for row in page.cells]
    assert titles.index("CPU (AVX2, threads: 2)") < titles.index("latency of one photo") < titles.index("Some GPU")


def test_what_an_epoch_is_worth_stands_beside_the_single_models(five: Comparison, page: "Page") -> None:
    assert ["Oil", "400", "360", "0.90"] in page.rows("Oil")
    assert "A larger share of the draws" not in page.text


def test_who_has_far_fewer_draws_than_others_is_told_what_to_try(
    five: Comparison, words_of: "Callable[[Comparison], Page]"
) -> None:
    told = words_of(replace(five, draws=five.draws.assign(shared=[400, 150, 200, 250, 20]))).text
    assert "choose it on validation photos, by heads.sensitivity.share , heads.hydration.share ." in told
    assert "data.draws_per_epoch" not in told.partition("All settings")[0]


def test_where_all_have_far_fewer_no_share_is_to_blame(
    five: Comparison, words_of: "Callable[[Comparison], Page]"
) -> None:
    told = words_of(replace(five, draws=five.draws.assign(shared=five.draws["single"] * 0.75))).text
    assert "More draws may help; choose their number on validation photos, by data.draws_per_epoch ." in told
    assert "A larger share of the draws" not in told


def test_results_json_is_plain_sorted_and_complete(five: Comparison, root: Path) -> None:
    one = comparison_of(seeds=[4])  # has no interval of the method
    for comparison, text in ((five, (root / "results.json").read_text(encoding="utf-8")), (one, results_json(one))):
        content = json.loads(text, parse_constant=pytest.fail)
        assert list(content) == sorted(vars(comparison))
        assert "secret" not in text
        for name in ("results", "by_seed", "cost"):
            pd.testing.assert_frame_equal(
                pd.DataFrame(content[name])[list(getattr(comparison, name))].fillna(np.nan),
                getattr(comparison, name),
                check_dtype=False,
            )
        assert Schema.from_dict(content["schema"]) == FIVE
        assert content["config"]["model"] == {"backbone": "efficientnet_b0", "weights": "file"}
        assert content["second_rater"] == comparison.second_rater


def test_table_csv_is_the_results(five: Comparison, root: Path) -> None:
    table = pd.read_csv(root / "table.csv", dtype={"note": object}).fillna({"note": ""})
    pd.testing.assert_frame_equal(table, five.results, check_dtype=False)


def cells(markdown: str) -> list[list[str]]:
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    return [next(csv.reader([line.strip("|").replace("\\|", "¦")], delimiter="|")) for line in lines]


def test_the_markdown_is_a_line_for_each_head_and_cost(mixed: Comparison) -> None:
    text = comparison_table_markdown(mixed)
    table = [[cell.strip() for cell in row] for row in cells(text)]
    assert [len(row) for row in table] == [10] * 6 + [6] * 9
    assert table[-1] == ["latency of one photo", "Some GPU", "10.2 ms", "2.13 ms", "4.79", "4.69 to 4.90"]  # outwards
    assert [row[0] for row in table[2:6]] == [
        "유분",
        "Modified severity ¦ of <b>lines</b> on the whole forehead",
        "Kind",
        "mean",
    ]
    kind = result(mixed, "kind", "balanced_accuracy")
    numbers = [plain(kind["baseline"]), plain(kind["candidate"]), signed(kind["difference"])]
    assert table[4][1:6] == ["–", "–", *numbers]
    assert text.startswith("P-Recall and balanced accuracy on 400 test photos of 80 subjects; seeds 0, 1, 2;")


def test_attributes_without_an_order_have_an_answer_of_their_own(
    mixed: Comparison, page_of: "Callable[[Comparison], Page]"
) -> None:
    page, kind = page_of(mixed), result(mixed, "kind", "balanced_accuracy")
    page.assert_sound()
    assert f"Kind: balanced accuracy {signed(kind['difference'])}" in page.text
    assert "One model instead of 3: mean P-Recall" in page.text
    assert "left out of the mean" in page.text
    assert "No second rater has graded these photos" in page.text
    assert "second rater" not in [cell.strip() for row in page.cells for cell in row]
    for words in ("유분", "종류", "of <b>lines</b> on"):
        assert words in page.text
    assert len(page.rows("Kind 종류")) == 1  # no other metric


def test_a_single_ordered_attribute_is_no_mean(mixed: Comparison, words_of: "Callable[[Comparison], Page]") -> None:
    schema = Schema(MIXED.attributes[1:])
    page = words_of(comparison_of(schema, second_rater={}))
    assert not page.rows("mean")
    assert "Multi-task gain" not in page.text
    assert page.text.count("(95 % interval of the method") == 2


def test_one_seed_on_validation_photos_promises_little(
    words_of: "Callable[[Comparison], Page]", tmp_path: Path
) -> None:
    reasons = {"shared, seed 1": f"killed by SIGKILL; full output: {tmp_path}/runs/shared-1-ab.log"}
    comparison = comparison_of(seeds=[7], side="val", protocol="equal-compute", missing=reasons)
    page, mean = words_of(comparison), result(comparison, "mean")
    assert f"(95 % interval of these trained models {limits(mean, 'trained')})" in page.text.replace(" )", ")")
    assert "interval of the method" not in page.text
    assert all(row[7] == "–" for row in page.rows("Oil 유분"))
    for words in (
        "Exploratory. Each model was trained only once",
        "Still being tuned. These are validation photos",
        "Not complete. 1 run is missing",
        "shared, seed 1: killed by SIGKILL; full output: runs/shared-1-ab.log",
        "passed as many photos through a network",
        "with seed 7.",
    ):
        assert words in page.text
    assert str(tmp_path) not in page.source + (tmp_path / "results.json").read_text(encoding="utf-8")
    caption = comparison_table_markdown(comparison)
    assert "400 validation photos" in caption
    assert "Still being tuned on these photos. One seed, so exploratory." in caption


def test_models_that_were_calibrated_to_the_photos_are_said_to_be_flattered(
    words_of: "Callable[[Comparison], Page]",
) -> None:
    for flattered in (True, False):
        comparison = comparison_of(side="val", flattered=flattered)
        for text in (words_of(comparison).text, comparison_table_markdown(comparison)):
            assert ("calibrated on these same photos" in text) is flattered


def test_a_shared_model_that_learned_from_the_single_ones_is_said_to_have_done_so(
    five: Comparison, words_of: "Callable[[Comparison], Page]"
) -> None:
    taught = replace(five, config=CONFIG | {"distillation": {"teachers": ["/runs/single-oil-0-ab"], "weight": 1.0}})
    for comparison in (five, taught):
        for text in (words_of(comparison).text, comparison_table_markdown(comparison)):
            assert ("its training includes theirs" in text) is (comparison is taught)
    assert "/runs/" not in words_of(taught).source
    answer, *_ = words_of(taught).text.split("Which is better")
    assert "its training includes theirs" in answer  # which whoever reads only this has to know


def test_the_epochs_of_both_sides_are_told_where_they_differ(
    five: Comparison, words_of: "Callable[[Comparison], Page]"
) -> None:
    page, table = words_of(five).text, comparison_table_markdown(five)
    assert "for as many epochs on its photos as the shared model on all photos." in page
    assert "seeds 0, 1, 2; equal-epochs; 95 %" in table
    longer = replace(five, single_epochs=5)
    page, table = words_of(longer).text, comparison_table_markdown(longer)
    assert (
        "Each single model was trained for 5 epochs on its photos, and the shared model for 15 on all photos." in page
    )
    assert "The shared model was trained for 15 epochs, each single model for 5. Both sides" in page
    assert "seeds 0, 1, 2; 15 epochs of the shared model, 5 of each single model; 95 %" in table
    assert "equal-epochs" not in page + table


def test_an_attribute_without_grades_stays_out_of_the_mean(page_of: "Callable[[Comparison], Page]") -> None:
    comparison = comparison_of(photos=(400, 300, 200, 250, 0))
    page, lines = page_of(comparison), lines_of(comparison)
    [row, others, *_] = page.rows("Dryness 건조함") + page.rows("Dryness")
    assert row[3:] == ["–"] * 6 + [result(comparison, "hydration")["verdict"]]
    assert others[1:] == ["–"] * 6
    assert lines[-1].constant == pytest.approx(np.mean([0.2, 0.21, 0.22, 0.23]))
    assert lines[-1].by_seed["candidate"].mean() == pytest.approx(lines[-1].found.candidate)
    assert not re.search(r"\b(nan|None)\b", page.source)


def test_who_learned_nothing_is_named(five: Comparison, words_of: "Callable[[Comparison], Page]") -> None:
    page = words_of(replace(five, constant=five.constant | {"oil": {"p_recall": 0.99}}))
    assert "Neither side scores above the best constant answer" in page.text
    assert "which is better: Oil." in page.text


def test_photos_of_nobody_known_are_told_beside_subjects(words_of: "Callable[[Comparison], Page]") -> None:
    comparison = comparison_of()
    results = comparison.results.assign(unit_kind="subjects and photos", subjects=comparison.results["units"] - 23)
    mixed = replace(comparison, results=results)
    page, whose = words_of(mixed), "400 test photos, 23 of unknown subjects and the others of 57 subjects"
    assert f"evaluated on {whose}, with seeds 0, 1, 2." in page.text
    assert "these 57 subjects. Resampling draws whole subjects" in page.text
    assert "23 photos of unknown subjects are drawn individually, and if several photos show the same" in page.text
    assert "draws the same subjects and photos for both" in page.text
    assert f"P-Recall on {whose}; seeds" in comparison_table_markdown(mixed)


def test_one_photo_of_one_subject_and_one_stranger_is_told_as_one(page_of: "Callable[[Comparison], Page]") -> None:
    comparison = comparison_of(seeds=[3])
    results = comparison.results.assign(units=2, subjects=1, unit_kind="subjects and photos")
    one = replace(comparison, photos=1, results=results)
    page, table = page_of(one), comparison_table_markdown(one)
    assert "evaluated on 1 test photo, 1 of unknown subjects and the others of 1 subject, with seed 3." in page.text
    assert "a photo of this 1 subject." in page.text
    assert "1 photo of an unknown subject is drawn individually" in page.text
    assert "seed 3;" in table
    for text in (page.text, table, printed(one)):
        assert not re.search(r"(?<![\d.,])1 (photos|subjects|seeds|runs)\b", text)
        assert "seeds 3" not in text


def test_two_seeds_are_too_few_wherever_the_methods_interval_stands(words_of: "Callable[[Comparison], Page]") -> None:
    two, three = comparison_of(seeds=[0, 1]), comparison_of()
    for text in (words_of(two).text, comparison_table_markdown(two), printed(two)):
        assert "Two seeds are too few to rely on the method's interval" in " ".join(text.split())
    for text in (words_of(three).text, comparison_table_markdown(three), printed(three)):
        assert "too few to rely" not in " ".join(text.split())


def test_whose_interval_has_no_spread_over_seeds_in_it_is_named(words_of: "Callable[[Comparison], Page]") -> None:
    five = comparison_of()
    of_oil = five.results["attribute"] == "oil"
    alone, differing = five.results.copy(), five.results.copy()
    alone.loc[of_oil, ["method_low", "method_high"]] = alone.loc[of_oil, ["trained_low", "trained_high"]].to_numpy()
    alone.loc[~of_oil, "method_low"] = differing["method_low"] = five.results["trained_low"] - 0.01
    for results, told in ((alone, True), (differing, False)):
        comparison = replace(five, results=results)
        alike = "No difference between seeds was detected for Oil: there, the method's"
        assert (alike in words_of(comparison).text) is told
        written = comparison_table_markdown(comparison)
        alike = "No spread over seeds detected, so the method's interval is that of these models: Oil."
        assert (alike in written) is told


def test_the_tables_tell_the_gain_if_there_is_one() -> None:
    five = comparison_of()
    gain = f"{result(five, 'mean')['gain_percent']:+.1f}".replace("-", "−")
    assert f"Multi-task gain, P-Recall: {gain} %." in comparison_table_markdown(five)
    unknown = replace(five, results=five.results.assign(gain_percent=np.nan))
    assert "gain" not in comparison_table_markdown(unknown)


def printed(comparison: Comparison) -> str:
    file = io.StringIO()
    print_comparison(comparison, Console(file=file, width=120))
    return file.getvalue()


@pytest.mark.parametrize(
    ("difference", "low", "high", "written", "interval"),
    [
        (0.0251, 0.0002, 0.05, "+0.025", "0.0002 to 0.050"),
        (0.0003, 0.0001, 0.0005, "+0.0003", "0.0001 to 0.001"),
        (0.0001, -0.0002, 0.0004, "0.000", "−0.001 to 0.001"),
        (-0.0251, -0.05, -0.0002, "−0.025", "−0.050 to −0.0002"),
    ],
)
def test_page_table_and_terminal_print_what_the_verdict_says(
    five: Comparison,
    words_of: "Callable[[Comparison], Page]",
    difference: float,
    low: float,
    high: float,
    written: str,
    interval: str,
) -> None:
    verdict = interval_verdict(Interval(difference, low, high), higher_is_better=True)
    numbers = {"difference": difference, "method_low": low, "method_high": high, "verdict": verdict}
    comparison = replace(five, results=five.results.assign(**numbers))
    page = words_of(comparison)
    [row, kappa, mae, *_] = page.rows("mean")
    assert [row[5], row[7], row[9]] == [written, interval, verdict]
    shown = verdict if verdict == "better" or verdict == "worse" else ""
    opposite = {"better": "worse", "worse": "better", "": ""}[shown]
    assert kappa[1:3] == [f"{written} {shown}".rstrip(), interval]
    assert mae[1] == f"{written} {opposite}".rstrip()
    assert f"P-Recall {written} (95 % interval of the method {interval})" in page.text.replace(" )", ")")
    [cells_of_mean] = [row for row in cells(comparison_table_markdown(comparison)) if row[0].strip() == "mean"]
    assert [cell.strip() for cell in cells_of_mean[5:8:2]] == [written, interval]
    on_terminal = " ".join(next(line for line in printed(comparison).splitlines() if line.startswith("mean")).split())
    assert f"{written} {interval} {verdict}"[:60].replace("−", "-") in on_terminal


def test_the_terminal_has_a_line_for_each_head(mixed: Comparison) -> None:
    text = printed(mixed)
    assert text.startswith("test: 400 photos, seeds 0, 1, 2")
    for name in ("유분", "Kind", "mean"):
        assert any(line.startswith(name) for line in text.splitlines())
    for line in lines_of(mixed):
        assert f"{line.found.candidate:.3f}" in text


def test_runs_that_are_missing_are_named_beneath_the_table() -> None:
    assert "Left out" not in comparison_table_markdown(comparison_of())
    table = comparison_table_markdown(comparison_of(missing={"shared, seed 7": "killed by SIGKILL"}))
    assert table.endswith(
        "\n\n1 run did not finish; results that depend on missing runs are left out:\n\n"
        "- shared, seed 7: killed by SIGKILL\n"
    )


def test_one_metric_is_told_as_one(mixed: Comparison) -> None:
    of_kinds = mixed.results[mixed.results["metric"] == "balanced_accuracy"]
    assert shown_summary(of_kinds).endswith("(By 1 metric, with its own 95 % interval of the method.)")


def test_an_attribute_that_is_left_out_is_named_everywhere(words_of: "Callable[[Comparison], Page]") -> None:
    four = comparison_of(Schema(FIVE.attributes[:4]), left_out=["Dryness"], missing={"single-hydration, seed 0": "no"})
    told = "the mean and the single models' costs, since no single model has finished: Dryness (which the shared model"
    page = words_of(four)
    page.assert_sound()
    for text in (page.text, comparison_table_markdown(four), printed(four)):
        assert told in " ".join(text.split())
    for text in (comparison_table_markdown(comparison_of()), printed(comparison_of())):
        assert "Left out" not in text


def test_before_costs_are_measured_all_else_is_told(
    five: Comparison, words_of: "Callable[[Comparison], Page]", tmp_path: Path
) -> None:
    early = replace(five, cost=five.cost.iloc[:0])
    page = words_of(early)
    for text in (page.text, comparison_table_markdown(early)):
        assert "What both sides cost is not measured yet; the same command measures it." in text
    assert "models together" not in page.text
    assert not (tmp_path / "figures" / "cost.png").exists()
    assert json.loads(results_json(early))["cost"] == []


def test_a_reason_why_costs_are_not_measured_is_told(five: Comparison, read_page: Any, tmp_path: Path) -> None:
    reason = f"checkpoint {tmp_path}/runs/shared-0-ab/best.ckpt: not readable; remove this run's folder and start again"
    without = replace(five, cost=five.cost.iloc[:0], no_cost=reason)
    told = f"What both sides cost is not measured yet: {reason.replace(f'{tmp_path}/', '')}."
    page = read_page(write_comparison(without, tmp_path))
    for text in (page.text, (tmp_path / "table.md").read_text()):
        assert told in text
        assert "the same command measures it" not in text


def test_it_says_whose_versions_it_shows(page: "Page") -> None:
    assert "All runs were planned with these package versions" in page.text
    assert "The Python version is that of the process that compared the runs" in page.text


def test_photos_of_nobody_known_are_not_called_subjects(words_of: "Callable[[Comparison], Page]") -> None:
    comparison = comparison_of()
    page = words_of(replace(comparison, results=comparison.results.assign(unit_kind="photos", subjects=0)))
    assert "400 test photos, with seeds" in page.text
    assert "It is not known who is on the photos" in page.text
    assert "would differ on other photos" in page.text


@pytest.fixture(params=["five", "mixed", "one seed"])
def any_comparison(request: pytest.FixtureRequest, five: Comparison, mixed: Comparison) -> Comparison:
    return {"five": five, "mixed": mixed, "one seed": comparison_of(seeds=[0])}[request.param]


def points(figure: Figure) -> list[list[float]]:
    """What is drawn as lines and marks, x by x, what is nowhere left out."""
    drawn = [np.asarray(line.get_xdata(orig=False), float) for line in figure.axes[0].lines]
    return [np.round(x, 9).tolist() for x in drawn if len(x) and not np.isnan(x).any()]


def test_every_difference_is_drawn_with_its_intervals(any_comparison: Comparison) -> None:
    lines = lines_of(any_comparison)
    with picture_style():
        figure = draw_differences(lines)
        drawn = points(figure)
        labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert [0.0, 0.0] in drawn
    for line, label in zip(lines, labels, strict=True):
        found = line.found
        expected = [[found.difference], [found.trained_low, found.trained_high]]
        if found.seeds > 1:
            expected.append([found.method_low, found.method_high])
            expected.append(list(line.by_seed["candidate"] - line.by_seed["baseline"]))
        for x in expected:
            assert np.round(x, 9).tolist() in drawn
        assert label.startswith(line.title[:20])


def test_every_level_is_drawn_beside_what_is_known_of_others(any_comparison: Comparison) -> None:
    lines = lines_of(any_comparison)
    with picture_style():
        drawn = points(draw_levels(lines))
    expected = [[getattr(line.found, side) for line in lines] for side in ("candidate", "baseline")]
    expected.append([line.constant for line in lines if line.constant is not None])
    expected.append([line.second for line in lines if line.second is not None])
    for x in filter(None, expected):
        assert np.round(x, 9).tolist() in drawn


def test_the_mean_of_seeds_is_the_mean(any_comparison: Comparison) -> None:
    for line in lines_of(any_comparison):
        assert line.by_seed["candidate"].mean() == pytest.approx(line.found.candidate)
        assert line.by_seed["baseline"].mean() == pytest.approx(line.found.baseline)


def test_every_ratio_is_drawn_and_written(five: Comparison) -> None:
    with picture_style():
        axes = draw_costs(five.cost).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [cost.ratio for cost in COST]
    assert [label.get_text() for label in axes.get_yticklabels()] == [cost.quantity for cost in COST]
    written = {text.get_text() for text in axes.texts}
    assert {f"{cost.ratio:.2f}" for cost in COST} | {"Some GPU", "the models and their training"} <= written


def test_no_word_is_cut_off_or_over_another(any_comparison: Comparison) -> None:
    lines = [line._replace(title=line.title.encode("ascii", "replace").decode()) for line in lines_of(any_comparison)]
    with picture_style():
        for figure in (draw_differences(lines), draw_levels(lines), draw_costs(any_comparison.cost)):
            figure.draw_without_rendering()
            axes = figure.axes[0]
            words = [
                *axes.get_yticklabels(),
                axes.xaxis.label,
                *axes.texts,
                *(t for of in figure.legends for t in of.texts),
            ]
            boxes = [word.get_window_extent() for word in words]
            for number, box in enumerate(boxes):
                assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, words[number]
                assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1, words[number]
                assert not any(box.overlaps(other) for other in boxes[:number]), words[number]


def test_pictures_are_light_and_name_what_no_font_has_by_number(
    mixed: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[list[str]] = []

    def keep(lines: Sequence[Any]) -> Figure:
        drawn.append([line.title for line in lines])
        return draw_differences(lines)

    monkeypatch.setattr(of_comparison, "draw_differences", keep)
    monkeypatch.setattr(of_comparison, "drawable", str.isascii)
    write_comparison_figures(mixed, tmp_path / "figures")
    assert drawn[0][0] == "attribute 1"
    assert drawn[0][2:] == ["Kind", "mean"]
    for path in (tmp_path / "figures").iterdir():
        with Image.open(path) as picture:
            assert picture.format == "PNG"
            assert 900 < picture.width < 1100
            assert to_hex(np.array(picture.getpixel((0, 0))[:3]) / 255) == LIGHT["paper"]


@pytest.mark.parametrize(("patience", "told"), [(None, False), (14, False), (13, True)])
def test_models_that_may_be_stopped_early_are_said_to_have_fewer_epochs(
    patience: int | None, told: bool, five: Comparison, words_of: "Callable[[Comparison], Page]"
) -> None:
    trainer = CONFIG["trainer"] | {"patience": patience, "max_epochs": 15}
    text = " ".join(words_of(replace(five, config=CONFIG | {"trainer": trainer})).text.split())
    assert ("or fewer: training of any model, the shared one included, stops after" in text) == told
    longer = words_of(replace(five, config=CONFIG | {"trainer": trainer | {"max_epochs": 5}}, single_epochs=15)).text
    assert f"trained for {'up to ' * told}5 epochs, each single model for 15" in longer
    kept = f"from its best epoch by {trainer['monitor']}, and each single model from its best epoch by the same metric"
    assert f"{kept} of its attribute" in text
