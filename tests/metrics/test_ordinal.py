"""The metric of all heads against slow loops over rows, and its independence of how rows are batched."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from multiskin.metrics import functional
from multiskin.metrics.ordinal import HIGHER_IS_BETTER, GradeMetrics, summarise
from multiskin.schema import Attribute, Schema

MIXED = Schema((Attribute("five", 5), Attribute("two", 2), Attribute("kind", 4, "nominal"), Attribute("three", 3)))
NOMINAL = Schema((Attribute("shape", 3, "nominal"), Attribute("tone", 4, "nominal")))
NOT_OF_THE_MODEL = {"n", "p_recall_constant", "p_recall_zero_constant"}

Batch = tuple[Tensor, Tensor, Tensor]  # probabilities (B, H, Kmax), decisions (B, H), grades (B, H)


def batch_of(
    schema: Schema, rows: int, seed: int = 0, missing: float = 0.4, dtype: torch.dtype = torch.float32
) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    probabilities = torch.zeros(rows, len(schema), schema.max_grades, dtype=dtype)
    grades = torch.full((rows, len(schema)), -1)
    for head, attribute in enumerate(schema):
        k = attribute.grades
        probabilities[:, head, :k] = (3 * torch.randn(rows, k, generator=generator, dtype=dtype)).softmax(1)
        given_grades = torch.randint(k, (rows,), generator=generator)
        grades[:, head] = given_grades.where(torch.rand(rows, generator=generator) >= missing, -1)
    return probabilities, probabilities.argmax(-1), grades


def measured(schema: Schema, *batches: Batch) -> dict[str, float]:
    metric = GradeMetrics(schema)
    for batch in batches:
        metric.update(*batch)
    return {key: value.item() for key, value in metric.compute().items()}


def near(values: dict[str, float]):
    return pytest.approx(values, abs=1e-12, nan_ok=True)


def rows_of(batch: Batch, index) -> Batch:
    return tuple(tensor[index] for tensor in batch)


def slow_head(batch: Batch, head: int, k: int) -> tuple[Tensor, dict[int, list[float]]]:
    """A head's confusion matrix and its ranked probability scores by true grade, row by row."""
    confusion, scores = torch.zeros(k, k), {}
    for probabilities, decision, grade in zip(*(tensor[:, head].tolist() for tensor in batch), strict=True):
        if grade != -1:
            confusion[grade, decision] += 1
            cuts = [(sum(probabilities[: cut + 1]) - (grade <= cut)) ** 2 for cut in range(k - 1)]
            scores.setdefault(grade, []).append(sum(cuts) / (k - 1))
    return confusion, scores


def slow_mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def slow_ordinal(confusion: Tensor, scores: dict[int, list[float]]) -> dict[str, float]:
    values = {
        "n": confusion.sum(),
        "p_recall": functional.p_recall(confusion),
        "p_recall_zero": functional.p_recall(confusion, "zero"),
        "p_recall_constant": functional.p_recall_constant(confusion),
        "p_recall_zero_constant": functional.p_recall_constant(confusion, "zero"),
        "kappa": functional.quadratic_kappa(confusion),
        "spearman": functional.spearman(confusion),
        "mae": functional.mae(confusion),
        "macro_mae": functional.macro_mae(confusion),
        "accuracy": functional.accuracy(confusion),
        "within_one": functional.within_one(confusion),
        "macro_recall": functional.macro_recall(confusion),
        "macro_f1": functional.macro_f1(confusion),
    }
    rps = {
        "rps": slow_mean([score for of_grade in scores.values() for score in of_grade]),
        "rps_balanced": slow_mean([slow_mean(of_grade) for of_grade in scores.values()]),
    }
    return {name: float(value) for name, value in (values | rps).items()}


def slow_nominal(confusion: Tensor) -> dict[str, float]:
    values = {
        "n": confusion.sum(),
        "accuracy": functional.accuracy(confusion),
        "balanced_accuracy": functional.macro_recall(confusion),
        "macro_f1": functional.macro_f1(confusion),
    }
    return {name: float(value) for name, value in values.items()}


def slow_summary(schema: Schema, batch: Batch) -> dict[str, float]:
    heads = {}
    for head, attribute in enumerate(schema):
        confusion, scores = slow_head(batch, head, attribute.grades)
        heads[attribute.name] = slow_ordinal(confusion, scores) if attribute.ordinal else slow_nominal(confusion)
    averaged = [heads[a.name] for a in schema if a.ordinal or not any(other.ordinal for other in schema)]
    summary = {f"{name}/{metric}": value for name, row in heads.items() for metric, value in row.items()}
    for metric in averaged[0].keys() - {"n"}:
        summary[f"mean/{metric}"] = slow_mean([row[metric] for row in averaged if not math.isnan(row[metric])])
    return summary


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("schema", [MIXED, NOMINAL], ids=["mixed", "nominal"])
@pytest.mark.parametrize(("rows", "missing"), [(60, 0.4), (3, 0.7), (20, 0.0)])
def test_equals_loops_over_the_rows(schema: Schema, rows: int, missing: float, dtype: torch.dtype) -> None:
    batch = batch_of(schema, rows, missing=missing, dtype=dtype)
    assert measured(schema, batch) == near(slow_summary(schema, batch))


def test_everything_is_a_float64_scalar() -> None:
    metric = GradeMetrics(MIXED)
    metric.update(*batch_of(MIXED, 8))
    assert {(value.shape, value.dtype) for value in metric.compute().values()} == {(torch.Size(()), torch.float64)}


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(12)), st.sets(st.integers(1, 11), max_size=4), st.integers(0, 5))
def test_any_order_and_any_split_give_the_same_result(order: list[int], cuts: set[int], seed: int) -> None:
    batch = batch_of(MIXED, 12, seed)
    edges = [0, *sorted(cuts), 12]
    parts = [rows_of(batch, order[start:stop]) for start, stop in pairwise(edges)]
    assert measured(MIXED, *parts) == near(measured(MIXED, batch))


def test_rows_without_a_grade_change_nothing() -> None:
    batch = batch_of(MIXED, 12)
    probabilities, decisions, grades = batch_of(MIXED, 5, seed=1)
    ungraded = (probabilities, decisions, torch.full_like(grades, -1))
    unreadable = (torch.full_like(probabilities, torch.nan), decisions, ungraded[2])
    assert measured(MIXED, ungraded, batch, unreadable) == near(measured(MIXED, batch))


def test_an_empty_batch_changes_nothing() -> None:
    batch = batch_of(MIXED, 12)
    assert measured(MIXED, batch, rows_of(batch, slice(0, 0))) == near(measured(MIXED, batch))


def test_merged_states_equal_one_metric_over_everything() -> None:
    batches = [batch_of(MIXED, 10, seed) for seed in range(3)]
    ranks = []
    for batch in batches:
        ranks.append(GradeMetrics(MIXED))
        ranks[-1].update(*batch)
    for other in ranks[1:]:
        ranks[0].merge_state(other)
    assert {key: value.item() for key, value in ranks[0].compute().items()} == near(measured(MIXED, *batches))


def test_forward_returns_the_batch_value_and_accumulates() -> None:
    metric = GradeMetrics(MIXED)
    batches = [batch_of(MIXED, 10, seed) for seed in range(2)]
    for batch in batches:
        assert {key: value.item() for key, value in metric(*batch).items()} == near(measured(MIXED, batch))
    assert {key: value.item() for key, value in metric.compute().items()} == near(measured(MIXED, *batches))


def test_reset_clears_the_state() -> None:
    metric = GradeMetrics(MIXED)
    metric.update(*batch_of(MIXED, 10, seed=1))
    metric.reset()
    batch = batch_of(MIXED, 10)
    metric.update(*batch)
    assert {key: value.item() for key, value in metric.compute().items()} == near(measured(MIXED, batch))


def test_a_module_in_half_precision_still_sums_exactly() -> None:
    metric, batch = GradeMetrics(MIXED).to(torch.bfloat16), batch_of(MIXED, 300)
    metric.update(*batch)
    metric.update(*batch)
    assert {key: value.item() for key, value in metric.compute().items()} == near(measured(MIXED, batch, batch))


def test_padding_does_not_change_the_scores_of_a_head() -> None:
    """Probabilities that sum to 1 only roughly must not leak into the cuts a head does not have."""
    alone = Schema((Attribute("two", 2),))
    rough = torch.tensor([[[0.2, 0.7, 0.0, 0.0, 0.0]]])
    beside = Schema((Attribute("two", 2), Attribute("five", 5)))
    padded = torch.cat([rough, torch.full((1, 1, 5), 0.2)], dim=1)
    decisions, grades = torch.tensor([[1, 0]]), torch.tensor([[1, -1]])
    expected = measured(alone, (rough[..., :2], decisions[:, :1], grades[:, :1]))["two/rps"]
    assert expected == pytest.approx(0.04)
    assert measured(beside, (padded, decisions, grades))["two/rps"] == pytest.approx(expected, abs=1e-15)


def test_perfect_decisions() -> None:
    grades = torch.tensor([[0, 0, 0, 0], [1, 1, 1, 1], [2, -1, 2, 2], [3, -1, 3, -1], [4, -1, -1, -1]])
    decisions = grades.clamp(min=0)
    probabilities = torch.eye(5)[decisions]
    values = measured(MIXED, (probabilities, decisions, grades))
    better = {key: HIGHER_IS_BETTER.get(key.split("/")[1]) for key in values}
    assert all(values[key] == float(higher) for key, higher in better.items() if higher is not None)


def test_a_head_without_grades_is_nan_and_left_out_of_the_mean() -> None:
    probabilities, decisions, grades = batch_of(MIXED, 20, missing=0.0)
    grades[:, MIXED.index("five")] = -1
    values = measured(MIXED, (probabilities, decisions, grades))
    assert values["five/n"] == 0
    assert all(math.isnan(value) for key, value in values.items() if key.startswith("five/") and key != "five/n")
    assert values["mean/mae"] == pytest.approx((values["two/mae"] + values["three/mae"]) / 2)


def test_nothing_graded_gives_nan_and_no_error() -> None:
    for schema in (MIXED, NOMINAL):
        width = schema.max_grades
        empty = summarise(torch.zeros(len(schema), width, width), torch.zeros(len(schema), width), schema)
        assert all(value == 0 if key.endswith("/n") else value.isnan() for key, value in empty.items())


def test_nominal_heads_have_their_own_metrics() -> None:
    keys = measured(MIXED, batch_of(MIXED, 20)).keys()
    assert {key for key in keys if key.startswith("kind/")} == {
        "kind/n",
        "kind/accuracy",
        "kind/balanced_accuracy",
        "kind/macro_f1",
    }
    assert "mean/balanced_accuracy" not in keys
    assert "mean/n" not in keys


def test_nominal_heads_alone_have_means() -> None:
    values = measured(NOMINAL, batch_of(NOMINAL, 20))
    means = {key for key in values if key.startswith("mean/")}
    assert means == {"mean/accuracy", "mean/balanced_accuracy", "mean/macro_f1"}
    assert all(
        values[key] == pytest.approx((values[key.replace("mean", "shape")] + values[key.replace("mean", "tone")]) / 2)
        for key in means
    )


def test_every_metric_of_the_model_has_a_direction() -> None:
    metrics = {key.split("/")[1] for key in measured(MIXED, batch_of(MIXED, 5))}
    assert metrics == HIGHER_IS_BETTER.keys() | NOT_OF_THE_MODEL


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, d, g: (p[..., :4], d, g), r"probabilities are \(6, 4, 4\), expected \(6, 4, 5\)"),
        (lambda p, d, g: (p[:5], d, g), r"probabilities are \(5, 4, 5\), expected \(6, 4, 5\)"),
        (lambda p, d, g: (p, d[:, :1], g), r"decisions are \(6, 1\), expected \(6, 4\)"),
        (lambda p, d, g: (p, d[:1], g), r"decisions are \(1, 4\), expected \(6, 4\)"),
        (lambda p, d, g: (p[:, :3], d[:, :3], g[:, :3]), r"expected \(6, 4, 5\)"),
        (lambda p, d, g: (p[0], d[0, 0], g[0, 0]), "expected"),
        (lambda p, d, g: (p, d.float(), g), "decisions are torch.float32, expected integers"),
        (lambda p, d, g: (p, d, g.double()), "grades are torch.float64, expected integers"),
    ],
)
def test_wrong_shapes_are_refused(change, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GradeMetrics(MIXED).update(*change(*batch_of(MIXED, 6)))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_update_does_not_wait_for_the_gpu() -> None:
    batch = batch_of(MIXED, 20)
    metric, on_gpu = GradeMetrics(MIXED).cuda(), tuple(tensor.cuda() for tensor in batch)
    metric.update(*on_gpu)  # the first call loads kernels
    torch.cuda.set_sync_debug_mode("error")
    try:
        metric.update(*on_gpu)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert {key: value.item() for key, value in metric.compute().items()} == near(measured(MIXED, batch, batch))
