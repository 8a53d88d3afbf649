"""Heads on frozen features: parallel training matches separate training, and metrics match plain loops."""

import frozen
import numpy as np
import pandas as pd
import probe_metrics
import probes
import pytest
import torch
from probe_metrics import Predictions, Study
from probes import Graded, Probes
from recalibrated import first_half
from tables.losses import losses

from multiskin.calibration import fit_calibrator, natural_shares
from multiskin.calibration.shares import importance_weights
from multiskin.decisions import DECISIONS, decide
from multiskin.losses import LOSSES
from multiskin.metrics import functional as of
from multiskin.metrics.bootstrap import unit_weights
from multiskin.schema import MISSING, Attribute

SEEDS = [0, 1, 2]
ATTRIBUTE = Attribute("shine", 4)
C = 6


@pytest.fixture(scope="module", autouse=True)
def small_grid():
    with pytest.MonkeyPatch.context() as patch:
        for name, values in {"RATES": (0.01, 0.03), "DECAYS": (1.0, 5.0), "STEPS": (3, 6)}.items():
            patch.setattr(probes, name, values)
        yield


def graded(photos, seed=0, num_grades=4):
    """Two photos per subject, a tenth of them ungraded, whose first feature correlates with the grade."""
    random = np.random.default_rng(seed)
    grades = np.arange(photos) % num_grades
    features = random.normal(size=(photos, C))
    features[:, 0] += grades
    grades[random.random(photos) < 0.1] = MISSING
    return Graded(torch.from_numpy(features).float(), torch.from_numpy(grades), np.arange(photos) // 2)


def sides():
    return [graded(60, 0), graded(40, 1), graded(44, 2)]


def probabilities(photos, seeds=3, k=4):
    return torch.from_numpy(np.random.default_rng(5).dirichlet(np.ones(k), (seeds, len(photos.grades))))


@pytest.mark.parametrize("loss", ["cross_entropy", "corn", "cumulative_link", "balanced_softmax"])
def test_heads_trained_in_parallel_equal_heads_trained_alone(loss):
    photos = graded(60).known()
    counts = np.bincount(photos.grades, minlength=4)
    weights = probes.subject_weights(photos, SEEDS)
    together = Probes(probes.create_heads(loss, ATTRIBUTE, C, counts, SEEDS))
    steps = list(probes.train_probes(together, photos, weights, rate=0.01, decay=1.0))
    found = together.probabilities(photos.features)
    for seed in SEEDS:
        alone = Probes(probes.create_heads(loss, ATTRIBUTE, C, counts, [seed]))
        assert list(probes.train_probes(alone, photos, weights[seed : seed + 1], rate=0.01, decay=1.0)) == steps
        torch.testing.assert_close(alone.probabilities(photos.features)[0], found[seed], rtol=1e-2, atol=1e-3)
    assert not torch.allclose(found[0], found[1], atol=1e-3)


def test_probes_keep_the_probabilities_of_their_heads():
    heads = probes.create_heads("coral", ATTRIBUTE, C, np.ones(4, int), SEEDS)
    features = graded(20).features
    expected = torch.stack([head.probabilities(head(features)) for head in heads])
    torch.testing.assert_close(Probes(heads).probabilities(features), expected.detach())


@pytest.mark.parametrize("loss", ["cross_entropy", "corn", "coral", "cumulative_link", "balanced_softmax", "sord"])
def test_heads_start_from_the_prior_of_their_loss(loss):
    grades = torch.tensor([0] * 2 + [1] * 30 + [2] * 60 + [3] * 8)
    heads = Probes(probes.create_heads(loss, ATTRIBUTE, C, np.bincount(grades, minlength=4), SEEDS))
    probes.fit_intercepts(heads, grades)
    at_mean_photo = heads.probabilities(torch.zeros(1, C))[:, 0]  # (S, K)
    expected = heads.loss.prior(torch.tensor([0.02, 0.3, 0.6, 0.08]))
    torch.testing.assert_close(at_mean_photo, expected.expand(3, -1), rtol=0, atol=2e-3)


def test_seeds_weight_subjects_and_keep_the_count_of_every_grade():
    photos = graded(61).known()
    weights = probes.subject_weights(photos, SEEDS)
    for grade in range(4):
        of_grade = photos.grades == grade
        torch.testing.assert_close(weights[:, of_grade].sum(dim=1), torch.full((3,), float(of_grade.sum())))
    same = Graded(photos.features, torch.zeros_like(photos.grades), photos.units)
    for of_seed in probes.subject_weights(same, SEEDS):
        by_subject = pd.Series(of_seed.numpy()).groupby(photos.units)
        assert (by_subject.nunique() == 1).all()
        assert by_subject.first().nunique() == len(set(photos.units))


def test_balanced_rps_matches_a_plain_loop():
    photos = graded(30)
    given = probabilities(photos)
    for of_seed, found in zip(given, probes.balanced_rps(given, photos.grades), strict=True):
        by_grade = {}
        for p, grade in zip(of_seed.tolist(), photos.grades.tolist(), strict=True):
            if grade != MISSING:
                errors = [(sum(p[: k + 1]) - (grade <= k)) ** 2 for k in range(3)]
                by_grade.setdefault(grade, []).append(sum(errors) / 3)
        assert found.item() == pytest.approx(np.mean([np.mean(scores) for scores in by_grade.values()]))


def test_choice_has_the_lowest_score_and_does_not_depend_on_test_photos():
    train, val, test = sides()
    chosen = probes.choose("squared_emd", ATTRIBUTE, (train, val, test), SEEDS)
    other = probes.choose("squared_emd", ATTRIBUTE, (train, val, graded(50, 9)), SEEDS)
    assert chosen.setting == other.setting
    assert torch.equal(chosen.val, other.val)
    assert chosen.score == pytest.approx(probes.balanced_rps(chosen.val, val.grades).mean().item())
    tried = []
    counts = np.bincount(train.known().grades, minlength=4)
    for rate in probes.RATES:
        for decay in probes.DECAYS:
            heads = Probes(probes.create_heads("squared_emd", ATTRIBUTE, C, counts, SEEDS))
            weights = probes.subject_weights(train.known(), SEEDS)
            tried += [
                probes.balanced_rps(heads.probabilities(val.features), val.grades).mean().item()
                for _ in probes.train_probes(heads, train.known(), weights, rate, decay)
            ]
    assert chosen.score == pytest.approx(min(tried))
    assert chosen.test.shape == (3, 44, 4)


@pytest.mark.parametrize(
    ("metric", "decision"), [*probe_metrics.TEST_METRICS, ("p_recall", "median"), ("kappa", "expectation")]
)
def test_metrics_of_a_resample_are_those_of_the_drawn_photos(metric, decision):
    photos = graded(24)
    priors = torch.tensor([[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]], dtype=torch.float64).expand(3, 2, 4)
    part = torch.arange(24) % 2
    predictions = Predictions(probabilities(photos), priors, part)
    found = probe_metrics.values_of(predictions, photos, metric, decision, resamples=6)
    weights = np.concatenate([*unit_weights(photos.units.max() + 1, 6, seed=0)])
    for row, counts in zip(found, weights, strict=True):
        times = torch.from_numpy(counts[photos.units]).long()
        grades = photos.grades.repeat_interleave(times)
        for value, of_seed in zip(row, predictions.probabilities, strict=True):
            drawn = of_seed.repeat_interleave(times, dim=0)
            if metric == "rps_balanced":
                expected = probes.balanced_rps(drawn[None], grades)[0]
            else:
                first, second = (decide(decision, drawn, prior) for prior in priors[0])
                decided = torch.where(part.repeat_interleave(times) == 0, first, second)
                confusion = of.confusion_matrix(grades, decided, 4)
                expected = {"p_recall": of.p_recall, "kappa": of.quadratic_kappa}[metric](confusion)
            assert value == pytest.approx(expected.item())


def test_shares_of_subjects_sum_those_of_their_photos():
    photos = Graded(torch.zeros(4, C), torch.tensor([0, 0, MISSING, 1]), np.array([0, 1, 1, 1]))
    np.testing.assert_allclose(probe_metrics.shares_of(photos, by_grade=False), [1 / 3, 2 / 3])
    np.testing.assert_allclose(probe_metrics.shares_of(photos, by_grade=True), [1 / 4, 3 / 4])


@pytest.fixture(scope="module")
def study():
    attributes, photos = [ATTRIBUTE, Attribute("lines", 3)], {}
    for attribute in attributes:
        k = attribute.grades
        photos[attribute.name] = [graded(60, 0, k), graded(40, 1, k), graded(44, 2, k)]
    chosen = {
        loss: [probes.choose(loss, attribute, photos[attribute.name], SEEDS) for attribute in attributes]
        for loss in ("cross_entropy", "coral", "balanced_softmax", "sord")
    }
    _, val, test = zip(*photos.values(), strict=True)
    counts = [
        np.bincount(train.known().grades, minlength=a.grades)
        for a, (train, *_) in zip(attributes, photos.values(), strict=True)
    ]
    return Study(chosen, val, test, counts)


def test_table_has_every_decision_on_validation_and_only_those_shown_on_test(study):
    table = study.table()
    of_val = table[table["side"] == "val"]
    assert len(of_val) == 4 * (len(probe_metrics.CALIBRATIONS) * (2 * len(DECISIONS) + 1) + 1)
    assert set(table.loc[table["side"] == "test", "metric"]) == {
        "p_recall",
        "rps_balanced",
        "kappa",
        probe_metrics.GAIN,
    }
    assert table["loss"].drop_duplicates().tolist() == probe_metrics.ranked(table)
    itself = table[(table["loss"] == "cross_entropy") & table["difference"].notna()]
    assert (itself["difference"] == 0).all()
    assert itself[["difference_low", "difference_high"]].isna().all(axis=None)


def test_values_are_means_over_attributes_and_seeds_and_differences_are_from_the_baseline(study):
    table = study.table().query("side == 'test'").set_index(["loss", "metric", "decision"])
    expected = []
    for head, val, photos, counts in zip(study.chosen["coral"], study.val, study.test, study.counts, strict=True):
        known = val.grades != MISSING
        for of_val, of_test in zip(head.val, head.test, strict=True):
            true = val.grades[known].numpy()
            fitted = (of_val[known].numpy(), true, head.prior.numpy(), natural_shares(true, counts, val.units[known]))
            calibrator = fit_calibrator("cumulative", *fitted)
            decided = decide("credit", calibrator(of_test), torch.tensor(calibrator.prior))
            expected.append(of.p_recall(of.confusion_matrix(photos.grades, decided, len(counts))).item())
    row = table.loc[("coral", "p_recall", "credit")]
    base = table.loc[("cross_entropy", "p_recall", "credit")]
    assert row["value"] == pytest.approx(np.mean(expected))
    assert row["difference"] == pytest.approx(row["value"] - base["value"])
    assert row["difference_low"] < row["difference"] < row["difference_high"]
    gain = table.loc[("coral", probe_metrics.GAIN, "credit"), "value"]
    assert gain == pytest.approx(row["value"] - table.loc[("coral", "p_recall", "argmax"), "value"])


@pytest.mark.parametrize("loss", ["cross_entropy", "coral", "sord"])
def test_temperature_keeps_the_most_probable_grade(study, loss, monkeypatch):
    """For losses that learn the natural prior; soft targets only flatten it, which the temperature undoes."""
    monkeypatch.setattr(probe_metrics, "natural_shares", lambda _, counts, __: counts / counts.sum())
    raw, scaled = (study.predictions(loss, calibration, "test") for calibration in ("none", "temperature"))
    for before, after in zip(raw, scaled, strict=True):
        assert torch.equal(before.decided("argmax"), after.decided("argmax"))
        assert not torch.allclose(before.probabilities, after.probabilities)


@pytest.mark.parametrize("method", ["temperature", "cumulative"])
def test_validation_photos_are_calibrated_only_on_the_other_half_of_the_subjects(study, method):
    predictions = study.predictions("coral", method, "val")
    for h, (found, photos) in enumerate(zip(predictions, study.val, strict=True)):
        half = first_half(photos.units)
        assert all(len({*half[photos.units == unit]}) == 1 for unit in photos.units)
        for own in (0, 1):
            grades = torch.where(torch.from_numpy(half == own), photos.grades.flip(0), photos.grades)
            val = [photos._replace(grades=grades) if g == h else other for g, other in enumerate(study.val)]
            without = study._replace(val=val).predictions("coral", method, "val")[h]
            torch.testing.assert_close(without.probabilities[:, half == own], found.probabilities[:, half == own])
            torch.testing.assert_close(without.priors[:, own], found.priors[:, own])


def test_prior_of_calibrated_probabilities_is_close_to_their_mean_on_validation_photos(study):
    chosen = {"sord": [head._replace(test=head.val) for head in study.chosen["sord"]]}
    predictions = study._replace(chosen=chosen, test=study.val).predictions("sord", "temperature", "test")
    for scaled, photos, counts in zip(predictions, study.val, study.counts, strict=True):
        known = photos.grades != MISSING
        true = photos.grades[known].numpy()
        weights = torch.from_numpy(importance_weights(true, natural_shares(true, counts, photos.units[known])))
        average = (weights[:, None] * scaled.probabilities[:, known]).sum(dim=1) / weights.sum()
        torch.testing.assert_close(scaled.priors[:, 0].float(), average.float(), atol=0.01, rtol=0)  # + pseudo-photos


def test_every_loss_can_be_trained():
    photos = graded(20).known()
    for loss in LOSSES:
        heads = Probes(probes.create_heads(loss, ATTRIBUTE, C, np.bincount(photos.grades, minlength=4), [0, 1]))
        *_, last = probes.train_probes(heads, photos, torch.ones(2, len(photos.grades)), rate=0.01, decay=0.0)
        assert last == max(probes.STEPS)
        assert heads.probabilities(photos.features).isfinite().all()


def test_readme_table_has_a_row_per_loss_and_the_gain_of_credit(study):
    table = study.table()
    source = {"command": "python heads.py", "machine": "a machine", "seeds": SEEDS, "interval": "95 %"}
    source |= {
        "baseline": "cross_entropy",
        "ranked": probe_metrics.ranked(table),
        "seconds": {"features": 60, "heads": 120},
    }
    lines = losses(source, table)
    rows = [line for line in lines if line.startswith("| ")]
    assert len(rows) == 2 + 4
    assert any("argmax" in line and "cross entropy" in line for line in lines[-1:])


def test_features_are_cached_and_standardised_on_the_training_photos(write_settings, tmp_path, monkeypatch):
    model = {"backbone": "test_efficientnet", "weights": "none", "input_size": 32}
    arguments = ["--config", str(write_settings(tmp_path, model=model))]
    first = frozen.frozen(arguments, None, tmp_path)
    monkeypatch.setattr(frozen, "_compute_features", None)
    again = frozen.frozen(arguments, None, tmp_path)
    assert again.key == first.key
    for side, of_side in first.sides.items():
        assert torch.equal(again.sides[side].features, of_side.features)
        assert len(of_side.features) == len(of_side.photos)
    train = first.sides["train"].features
    varied = train.std(dim=0) > 0
    torch.testing.assert_close(train.mean(dim=0), torch.zeros(train.shape[1]), atol=1e-4, rtol=0)
    torch.testing.assert_close(train.std(dim=0, correction=0)[varied], torch.ones(int(varied.sum())), atol=1e-3, rtol=0)
