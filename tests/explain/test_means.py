"""Means and leads against pandas and against a bootstrap over subjects as a loop."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from multiskin.data.manifest import Manifest
from multiskin.explain.means import TRUE_GRADE, group_means_of, means_of, resampled_means
from multiskin.metrics.bootstrap import interval, sampling_units


def some_values(photos: int, columns: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.where(random.random((photos, columns)) < 0.3, np.nan, random.normal(size=(photos, columns)))


def test_resamples_match_a_loop_over_drawn_subjects() -> None:
    values, units = some_values(30, 2), np.arange(30) // 4
    number = units.max() + 1
    means = resampled_means(values, units, seed=5, resamples=6)
    draws = np.random.default_rng(5).multinomial(number, np.full(number, 1 / number), 6)
    for times, got in zip([np.ones(number, int), *draws], means, strict=True):
        photos = np.concatenate([np.repeat(np.flatnonzero(units == unit), times[unit]) for unit in range(number)])
        np.testing.assert_allclose(got, pd.DataFrame(values[photos]).mean())


def test_a_single_subject_has_no_interval() -> None:
    values = np.array([[1.0, 1.0], [2.0, np.nan], [np.nan, 4.0]])
    means = resampled_means(values, np.array([0, 0, 1]), seed=0)
    assert interval(means[:, 0])[0] == 1.5
    assert np.isnan(interval(means[:, 0])[1:]).all()
    assert interval(means[:, 1])[0] == 2.5
    assert np.isfinite(interval(means[:, 1])[1:]).all()


def test_leads_are_paired_differences(manifest: Manifest) -> None:
    ours = some_values(len(manifest), 2)
    nearly = ours - 0.25  # a constant difference, far smaller than the variation between photos
    table = means_of({("cam", "energy"): ours, ("random", "energy"): nearly}, manifest, seed=0)
    assert len(table) == 4
    own, other = table[table["method"] == "cam"], table[table["method"] == "random"]
    np.testing.assert_allclose(own["value"], pd.DataFrame(ours).mean())
    assert own[["lead", "lead_low", "lead_high"]].isna().all(axis=None)
    assert (own["high"] - own["low"] > 0.1).all()
    np.testing.assert_allclose(other[["lead", "lead_low", "lead_high"]], 0.25)
    assert own["photos"].tolist() == np.isfinite(ours).sum(axis=0).tolist()
    assert manifest.subject is not None
    assert own["subjects"].tolist() == [len(set(manifest.subject[np.isfinite(column)])) for column in ours.T]


def test_heads_without_values_have_no_row(manifest: Manifest) -> None:
    values = some_values(len(manifest), 2)
    values[:, 1] = np.nan
    table = means_of({("cam", "auc"): values}, manifest, seed=0)
    assert table["head"].tolist() == [manifest.schema.names[0]]
    assert means_of({}, manifest, seed=0).empty
    assert group_means_of({}, manifest, seed=0).empty


def test_group_means_are_over_their_photos(manifest: Manifest) -> None:
    tones = np.resize(["dark", "light", ""], len(manifest))
    photos = replace(manifest, groups=pd.DataFrame({"tone": tones}))
    values = {("cam", measure): some_values(len(photos), 2, seed) for seed, measure in enumerate(("energy", "auc"))}
    table = group_means_of(values, photos, seed=0)
    assert set(table["measure"]) == {"energy"}
    by_tone = table[table["column"] == "tone"].set_index(["group", "head"])
    assert set(by_tone.index.get_level_values(0)) == {"dark", "light"}
    by_grade = table[table["column"] == TRUE_GRADE].set_index(["group", "head"])
    for h, name in enumerate(photos.schema.names):
        of_head = values["cam", "energy"][:, h]
        for tone in ("dark", "light"):
            assert by_tone.loc[(tone, name), "value"] == pytest.approx(np.nanmean(of_head[tones == tone]))
        for grade in range(photos.schema.attributes[h].grades):
            known = of_head[(photos.grades[:, h] == grade) & ~np.isnan(of_head)]
            if len(known):
                assert by_grade.loc[(str(grade), name), "value"] == pytest.approx(known.mean())
                assert by_grade.loc[(str(grade), name), "photos"] == len(known)


def test_intervals_resample_whole_subjects() -> None:
    subject = np.repeat([f"p{number}" for number in range(40)], 5)
    values = (
        np.random.default_rng(0).normal(size=40).repeat(5)[:, None]
    )  # the photos of a subject all have the same value
    by_subject = resampled_means(values, sampling_units(subject), seed=0)
    by_photo = resampled_means(values, np.arange(200), seed=0)
    wide, narrow = (np.ptp(interval(means[:, 0])[1:]) for means in (by_subject, by_photo))
    assert wide / narrow == pytest.approx(np.sqrt(5), rel=0.15)
