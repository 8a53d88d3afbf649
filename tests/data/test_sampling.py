"""One stream of photos serves each head like a sampler of its own: exactly in expectation, and in long runs."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from multiskin.config import Recipe
from multiskin.data.sampling import (
    EveryRow,
    Mixture,
    MixtureSampler,
    effective_sample_size,
)
from multiskin.errors import UserError
from multiskin.resampling import RESAMPLES, grade_distribution
from multiskin.schema import MISSING, Attribute, Schema


def schema_of(ks):
    return Schema(tuple(Attribute(f"a{h}", k) for h, k in enumerate(ks)))


def counts_of(column, k):
    return [sum(grade == of for grade in column) for of in range(k)]


@st.composite
def tables(draw):
    """Partial grades (N, H) in which every head has a grade, a schema, and one recipe per head."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    ks = draw(st.lists(st.integers(2, 6), min_size=1, max_size=4))
    size = draw(st.integers(1, 40))
    missing = draw(st.sampled_from([0.0, 0.3, 0.8]))
    grades = np.stack([random.choice(k, size, p=random.dirichlet(np.full(k, 0.5))) for k in ks], axis=1)
    grades[1:][random.random((size - 1, len(ks))) < missing] = MISSING
    recipes = [
        Recipe(resample=draw(st.sampled_from([*RESAMPLES, "list"])), share=draw(st.floats(0.05, 20))) for _ in ks
    ]
    for recipe, column, k in zip(recipes, grades.T, ks, strict=True):
        if recipe.resample == "list":
            asked = random.random(k) * (random.random(k) < 0.7)  # nothing of some grades, though they are there
            asked[np.array(counts_of(column, k)) == 0] = 0
            asked[column[0]] = 0.5
            recipe.resample = asked.tolist()
    return grades, schema_of(ks), recipes


mixtures = tables().map(lambda table: Mixture.of(*table))


@pytest.mark.parametrize("share", [0.0, -1.0, float("nan"), float("inf")])
def test_a_share_is_a_positive_number(share):
    with pytest.raises(UserError, match=r"^heads\.a1\.share: .* is not a positive number"):
        Mixture.of(np.zeros((3, 2), int), schema_of([2, 2]), [Recipe(), Recipe(share=share)])


# The mixture


@settings(max_examples=100, deadline=None)
@given(tables())
def test_every_head_has_its_own_distribution_over_the_rows_graded_for_it(table):
    grades, schema, recipes = table
    mixture = Mixture.of(grades, schema, recipes)
    assert mixture.head_rows.shape == grades.shape
    np.testing.assert_allclose(mixture.head_rows.sum(axis=0), 1)
    for h, (attribute, recipe) in enumerate(zip(schema, recipes, strict=True)):
        counts = counts_of(grades[:, h], attribute.grades)
        asked = grade_distribution(recipe.resample, np.array(counts), Attribute("x", len(counts)))
        for grade, p in zip(grades[:, h], mixture.head_rows[:, h], strict=True):
            assert p == (0 if grade == MISSING else pytest.approx(asked[grade] / counts[grade]))


@settings(max_examples=100, deadline=None)
@given(tables())
def test_weights_turn_the_mixture_into_every_heads_own_sampler(table):
    grades, schema, recipes = table
    mixture = Mixture.of(grades, schema, recipes)
    total = sum(recipe.share for recipe in recipes)
    shares = [recipe.share / total for recipe in recipes]
    q = [sum(a * p for a, p in zip(shares, row, strict=True)) for row in mixture.head_rows]
    assert sum(q) == pytest.approx(1)
    np.testing.assert_allclose(mixture.rows, q)
    for i, h in np.ndindex(grades.shape):
        w, p = mixture.weights[i, h], mixture.head_rows[i, h]
        assert w == (pytest.approx(p / q[i]) if q[i] else 0)
        assert w <= (1 + 1e-12) / shares[h]
        assert w == 0 or grades[i, h] != MISSING


@settings(max_examples=100, deadline=None)
@given(mixtures, st.integers(0, 2**32 - 1))
def test_the_weighted_mean_over_the_mixture_is_each_heads_own_mean(mixture, seed):
    losses = np.random.default_rng(seed).normal(size=mixture.head_rows.shape)  # l_h of every row
    over_mixture = (mixture.rows[:, None] * mixture.weights * losses).sum(axis=0)
    own = (mixture.head_rows * losses).sum(axis=0)
    np.testing.assert_allclose(over_mixture, own, rtol=1e-12, atol=1e-14)


@settings(max_examples=100, deadline=None)
@given(mixtures)
def test_a_head_keeps_at_least_its_share_of_the_draws(mixture):
    worth = 1 / (mixture.rows[:, None] * mixture.weights**2).sum(axis=0)  # effective sample size of a draw
    assert (worth >= mixture.shares - 1e-12).all()
    assert (worth <= 1 + 1e-12).all()


# Draws


@settings(max_examples=150, deadline=None)
@given(mixtures, st.integers(1, 150), st.integers(0, 2**32 - 1))
def test_each_row_is_drawn_floor_or_ceil_of_its_expected_times(mixture, number, seed):
    rows, heads = mixture.draw(number, np.random.default_rng(seed))
    assert len(rows) == len(heads) == number
    times = np.bincount(rows, minlength=len(mixture.rows))
    expected = number * mixture.rows
    assert (times >= np.floor(expected - 1e-5)).all()
    assert (times <= np.ceil(expected + 1e-5)).all()
    assert (times[mixture.rows == 0] == 0).all()
    assert (mixture.head_rows[rows, heads] > 0).all()  # a head draws only what it has a distribution over


def test_a_row_is_drawn_as_often_as_the_mixture_says_even_in_the_shortest_epoch():
    mixture = Mixture(head_rows=np.array([[0.7], [0.2], [0.1]]), shares=np.ones(1))
    random = np.random.default_rng(0)
    drawn = [mixture.draw(1, random).rows[0] for _ in range(4000)]
    np.testing.assert_allclose(np.bincount(drawn) / 4000, [0.7, 0.2, 0.1], atol=0.025)


def test_a_row_is_drawn_in_any_company():
    mixture = Mixture(head_rows=np.full((4, 1), 0.25), shares=np.ones(1))
    random = np.random.default_rng(0)
    pairs = Counter(tuple(sorted(mixture.draw(2, random).rows)) for _ in range(1200))
    assert len(pairs) == 6
    assert all(150 < times < 250 for times in pairs.values())


def test_rows_without_grades_are_never_drawn():
    grades = np.full((50, 2), MISSING)
    grades[[7, 20, 33], 0] = [0, 1, 1]
    grades[[20, 41], 1] = [2, 0]
    mixture = Mixture.of(grades, schema_of([2, 3]), [Recipe(resample="balanced"), Recipe()])
    drawn = {row for seed in range(30) for row in mixture.draw(64, np.random.default_rng(seed)).rows.tolist()}
    assert drawn == {7, 20, 33, 41}


@pytest.mark.parametrize(
    ("heads", "size"), [(1, 1), (1, 10), (2, 37), (3, 97), (5, 1000), (7, 64), (5, 3390), (1, 20_000)]
)
def test_natural_sampling_of_fully_graded_rows_is_a_permutation(heads, size):
    random = np.random.default_rng(heads * size)
    grades = random.integers(0, 4, (size, heads))
    recipes = [Recipe(share=share) for share in random.uniform(0.1, 5, heads)]
    mixture = Mixture.of(grades, schema_of([4] * heads), recipes)
    np.testing.assert_allclose(mixture.weights, 1)
    orders = {tuple(mixture.draw(size, np.random.default_rng(seed)).rows) for seed in range(5)}
    assert all(sorted(order) == list(range(size)) for order in orders)
    assert len(orders) == min(5, math.factorial(min(size, 5)))
    twice = mixture.draw(2 * size, np.random.default_rng(0)).rows
    assert sorted(twice) == sorted([*range(size), *range(size)])


def test_repeated_draws_of_a_row_are_spread_over_the_epoch():
    grades = np.array([[0]] + [[1]] * 99)
    mixture = Mixture.of(grades, schema_of([2]), [Recipe(resample="balanced")])
    rows, _ = mixture.draw(1000, np.random.default_rng(0))  # the first row 500 times
    pairs = ((rows[1:] == 0) & (rows[:-1] == 0)).sum()
    assert 200 < pairs < 300  # 250 by chance; side by side they would be 499
    assert 200 < (rows[:500] == 0).sum() < 300


def test_in_the_long_run_every_head_sees_what_it_asks_for():
    random = np.random.default_rng(0)
    ks, resamples = [5, 3, 2], ["balanced", [0.2, 0.3, 0.5], "natural"]
    grades = np.stack([random.choice(k, 60, p=random.dirichlet(np.full(k, 2.0))) for k in ks], axis=1)
    grades[:20, 0] = grades[15:45, 1] = MISSING
    recipes = [Recipe(resample=r, share=a) for r, a in zip(resamples, [1, 2, 0.5], strict=True)]
    mixture = Mixture.of(grades, schema_of(ks), recipes)
    epochs = [mixture.draw(60, random) for _ in range(500)]
    rows = np.concatenate([epoch.rows for epoch in epochs])
    heads = np.concatenate([epoch.heads for epoch in epochs])
    for h, (k, resample) in enumerate(zip(ks, resamples, strict=True)):
        seen = grades[rows, h]
        weighted = [mixture.weights[rows[seen == grade], h].sum() / len(rows) for grade in range(k)]
        asked = grade_distribution(resample, np.array(counts_of(grades[:, h], k)), Attribute("x", k))
        assert weighted == pytest.approx(asked, abs=0.01)
    _assert_heads_drew_their_parts(mixture, rows, heads)


def _assert_heads_drew_their_parts(mixture, rows, heads):
    """Given how often each row was drawn, head h drew it with probability a_h p_h / q, by a chi-square test."""
    drew = np.zeros(mixture.head_rows.shape)
    np.add.at(drew, (rows, heads), 1)
    expected = np.bincount(rows, minlength=len(drew))[:, None] * mixture.weights * mixture.shares
    possible = expected > 0
    assert (drew[~possible] == 0).all()
    statistic = ((drew - expected)[possible] ** 2 / expected[possible]).sum()
    freedom = possible.sum() - possible.any(axis=1).sum()
    assert freedom > 30
    assert 1e-4 < stats.chi2.sf(statistic, freedom) < 1 - 1e-4


def test_within_one_permutation_rows_are_drawn_by_different_heads():
    mixture = Mixture.of(np.zeros((400, 2), int), schema_of([2, 2]), [Recipe(share=1), Recipe(share=3)])
    (rows, first), (others, second) = (mixture.draw(400, np.random.default_rng(seed)) for seed in range(2))
    assert first.mean() == pytest.approx(0.75, abs=0.07)
    assert (first[np.argsort(rows)] != second[np.argsort(others)]).mean() == pytest.approx(2 * 0.25 * 0.75, abs=0.07)


# What draws are worth


@settings(max_examples=60, deadline=None)
@given(mixtures, st.integers(1, 60))
def test_the_effective_sample_size_is_that_of_kish(mixture, number):
    weights = mixture.weights[mixture.draw(number, np.random.default_rng(0)).rows]
    for h, effective in enumerate(effective_sample_size(weights)):
        total = squares = 0.0
        for w in weights[:, h]:
            total += w
            squares += w * w
        assert effective == pytest.approx(total**2 / squares if squares else 0)


def test_equal_draws_count_fully_and_ungraded_ones_not_at_all():
    weights = np.array([[2.0, 0.0, 1.0], [2.0, 0.0, 0.0], [2.0, 0.0, 0.0], [2.0, 0.0, 1.0]])
    assert effective_sample_size(weights).tolist() == [4, 0, 2]


@settings(max_examples=60, deadline=None)
@given(mixtures)
def test_draws_are_worth_in_expectation_what_rows_are_by_how_often_they_are_drawn(mixture):
    for h, effective in enumerate(mixture.effective):
        mean = squares = 0.0  # of the weight of a drawn row
        for p, q in zip(mixture.head_rows[:, h], mixture.rows, strict=True):
            if q > 0:
                mean += q * (p / q)
                squares += q * (p / q) ** 2
        assert effective == pytest.approx(mean**2 / squares)
        assert mixture.shares[h] - 1e-9 <= effective <= 1 + 1e-9


def test_draws_are_worth_less_to_who_is_graded_where_others_are_not():
    grades = np.array([[0, 0]] * 80 + [[MISSING, 0]] * 20)
    mixture = Mixture.of(grades, schema_of([2, 2]), [Recipe(), Recipe()])
    # 0.9 of the draws are of the first 80 rows, which weigh 1 / 0.9 and 0.8 / 0.9; those of the others 0 and 0.2 / 0.1
    assert mixture.effective == pytest.approx([0.9, 1 / (0.9 * (0.8 / 0.9) ** 2 + 0.1 * 2**2)])


# A published table of five attributes: which are graded on each part of the face, and how often each grade occurs.
PARTS = [(1358, [0, 1, 3]), (672, [0, 1, 2]), (680, [0, 1, 2, 3]), (680, [1, 2, 4])]
HISTOGRAMS = [
    [26, 735, 1501, 413, 35],
    [1364, 1549, 420, 43, 14],
    [740, 807, 408, 64, 12],
    [435, 894, 520, 143, 46],
    [40, 182, 279, 133, 45],
]


def five_attributes(random):
    graded = np.concatenate([np.tile(np.isin(range(5), heads), (photos, 1)) for photos, heads in PARTS])
    grades = np.full(graded.shape, MISSING)
    for h, histogram in enumerate(HISTOGRAMS):
        of_all = np.repeat(np.arange(5), histogram)
        rows = random.permutation(np.flatnonzero(graded[:, h]))[: len(of_all)]  # a photo or two went ungraded
        grades[rows, h] = of_all
    return grades


@pytest.mark.parametrize("seed", range(3))
def test_five_balanced_heads_share_one_stream_at_a_bearable_price(seed):
    random = np.random.default_rng(seed)
    mixture = Mixture.of(five_attributes(random), schema_of([5] * 5), [Recipe(resample="balanced")] * 5)
    rows, _ = mixture.draw(3390, random)
    worth = effective_sample_size(mixture.weights[rows]) / len(rows)
    assert worth.min() > 0.24  # five separate streams of this length in all would have 0.2 each
    assert worth.max() < 0.42


# Samplers


def sampler(seed=0, epoch=0, draws=50, rank=0, ranks=1):
    random = np.random.default_rng(9)
    grades = random.integers(MISSING, 3, (40, 2))
    mixture = Mixture.of(grades, schema_of([3, 3]), [Recipe(resample="balanced"), Recipe(share=2)])
    sampler = MixtureSampler(mixture, draws, seed, rank, ranks)
    sampler.set_epoch(epoch)
    return sampler


def test_seed_and_epoch_decide_the_draws():
    runs = {(seed, epoch): list(sampler(seed, epoch)) for seed in range(3) for epoch in range(3)}
    for (seed, epoch), draws in runs.items():
        assert draws == list(sampler(seed, epoch))
        assert all(draw.epoch == epoch for draw in draws)
    assert len({tuple((draw.row, draw.head) for draw in draws) for draws in runs.values()}) == len(runs)


def test_the_items_are_the_draws_in_order():
    own = sampler(epoch=4)
    rows, heads = own.draws()
    assert list(own) == [(rows[number], heads[number], 4, number) for number in range(50)]
    assert all(type(value) is int for draw in own for value in draw)  # as plain as what a worker is sent should be
    assert len(own) == 50


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 80), st.integers(1, 7), st.integers(0, 3))
def test_ranks_share_the_draws_of_a_single_process(draws, ranks, epoch):
    parts = [sampler(1, epoch, draws, rank, ranks) for rank in range(ranks)]
    assert [len(part) for part in parts] == [len(list(part)) for part in parts]
    together = sorted((draw for part in parts for draw in part), key=lambda draw: draw.number)
    assert together == list(sampler(1, epoch, draws))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 50), st.integers(1, 7))
def test_ranks_share_every_row_once_with_none_added(rows, ranks):
    parts = [list(EveryRow(rows, rank, ranks)) for rank in range(ranks)]
    assert Counter(row for part in parts for row in part) == Counter(range(rows))
    assert [len(EveryRow(rows, rank, ranks)) for rank in range(ranks)] == [len(part) for part in parts]
    assert all(part == sorted(part) for part in parts)
