"""The whole evaluation on a small untrained network: which photos count, and that batches do not matter."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from multiskin.config import ModelConfig, Recipe
from multiskin.data.images import read_image
from multiskin.data.manifest import Manifest
from multiskin.data.transforms import Preprocessing
from multiskin.explain import evaluation as module
from multiskin.explain.cam import head_maps
from multiskin.explain.evaluation import MapEvaluation, evaluate_maps
from multiskin.explain.localisation import energy_inside, upsampled
from multiskin.explain.measures import THRESHOLD, Measured, randomisation
from multiskin.explain.similarity import rank_correlation
from multiskin.faces.step import Portrait
from multiskin.inference.predictor import Predictor
from multiskin.models.blueprint import Blueprint
from multiskin.models.skinnet import SkinNet
from multiskin.schema import MISSING, Schema

SIZE = 48


@pytest.fixture(scope="module")
def predictor(schema: Schema) -> Predictor:
    torch.manual_seed(0)
    model = ModelConfig("test_efficientnet", weights="none", input_size=SIZE, output_stride=8)
    counts = tuple((1,) * attribute.grades for attribute in schema)
    net = Blueprint(schema, model, tuple(Recipe() for _ in schema), counts).build().eval()
    for _, head in net.named_heads():
        torch.nn.init.normal_(head.linear.weight)
    return Predictor(net, Preprocessing(SIZE, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)), torch.device("cpu"))


@pytest.fixture(scope="module")
def photos(manifest: Manifest) -> Manifest:
    return replace(manifest, groups=pd.DataFrame({"tone": np.resize(["dark", "light"], len(manifest))}))


def masks(photo: Path, heading: str) -> np.ndarray | None:
    """Shine is in the upper left, below the threshold in the first photo; lines have no masks."""
    if heading != "shine":
        return None
    mask = np.zeros((40, 48))
    mask[:20, :16] = THRESHOLD / 2 if photo.name == "00.png" else 0.7
    return mask


def left_half(portrait: Portrait, *, lips: bool) -> np.ndarray:
    """Skin is the left half, and the lips are the quarter next to it."""
    skin = np.zeros(portrait.photo.shape[:2])
    skin[:, : 36 if lips else 24] = 1
    return skin


@pytest.fixture(scope="module")
def evaluation(predictor: Predictor, photos: Manifest) -> MapEvaluation:
    return evaluate_maps(predictor, photos, masks, left_half, sampled=5, batch_size=7, num_workers=0)


def line(evaluation: MapEvaluation, head: str, method: str, measure: str) -> pd.Series:
    means = evaluation.means
    [found] = means.index[(means["head"] == head) & (means["method"] == method) & (means["measure"] == measure)]
    return means.loc[found]


def test_energy_matches_a_loop_over_photos(evaluation: MapEvaluation, predictor: Predictor, photos: Manifest) -> None:
    shares = []
    for row in np.flatnonzero(photos.grades[:, 0] != MISSING):
        if photos.path(row).name != "00.png":
            image = predictor.transform()(read_image(photos.path(row)), seed=0)[None]
            cam = head_maps(predictor.net, image).maps[:, 0].numpy()
            inside = np.zeros((1, SIZE, SIZE), bool)
            inside[:, :24, :16] = True
            shares.append(energy_inside(upsampled(cam, SIZE), inside).item())
    found = line(evaluation, "shine", "cam", "energy")
    assert found["photos"] == len(shares) == (photos.grades[:, 0] != MISSING).sum() - 1
    assert found["value"] == pytest.approx(np.mean(shares), abs=1e-5)
    assert found["low"] < found["value"] < found["high"]
    assert "energy" not in evaluation.means.loc[evaluation.means["head"] == "lines", "measure"].tolist()


def test_lips_are_skin_for_attributes_that_show_on_them(predictor: Predictor, photos: Manifest) -> None:
    lipped = Schema(tuple(replace(attribute, lips=attribute.name == "shine") for attribute in photos.schema))
    found = evaluate_maps(predictor, replace(photos, schema=lipped), None, left_half, sampled=0, num_workers=0)
    assert line(found, "shine", "uniform", "outside_skin")["value"] == pytest.approx(0.25)
    assert line(found, "lines", "uniform", "outside_skin")["value"] == pytest.approx(0.5)


def test_photos_without_detected_skin_do_not_count(predictor: Predictor, photos: Manifest) -> None:
    [blank, *_] = np.flatnonzero((photos.grades != MISSING).all(axis=1))
    unseen = read_image(photos.path(blank))

    def unless_unseen(portrait: Portrait, *, lips: bool) -> np.ndarray:
        return left_half(portrait, lips=lips) * (portrait.photo != unseen).any()

    found = evaluate_maps(predictor, photos, None, unless_unseen, sampled=0, num_workers=0)
    for h, name in enumerate(photos.schema.names):
        of_head = line(found, name, "uniform", "outside_skin")
        assert of_head["value"] == pytest.approx(0.5)
        assert of_head["photos"] == (photos.grades[:, h] != MISSING).sum() - 1


def test_a_uniform_map_scores_at_chance(evaluation: MapEvaluation) -> None:
    assert line(evaluation, "shine", "uniform", "energy")["value"] == pytest.approx((24 * 16) / SIZE**2)
    assert line(evaluation, "shine", "uniform", "auc")["value"] == 0.5
    assert line(evaluation, "lines", "uniform", "outside_skin")["value"] == pytest.approx(0.5)
    own, chance = (line(evaluation, "shine", method, "energy") for method in ("cam", "uniform"))
    assert chance["lead"] == pytest.approx(own["value"] - chance["value"])


def test_slow_measures_use_only_the_sample(evaluation: MapEvaluation, photos: Manifest) -> None:
    sample = np.sort(np.random.default_rng(0).permutation(len(photos))[:5])
    graded = (photos.grades[sample] != MISSING).sum(axis=0)
    assert evaluation.sampled == 5
    for h, name in enumerate(photos.schema.names):
        assert line(evaluation, name, "cam", "network_anew")["photos"] == graded[h]
    tried = evaluation.means[evaluation.means["measure"].isin(["deletion", "insertion", "faithfulness"])]
    assert len(tried)
    assert set(tried["method"]) == {"cam", "grad_cam", "layer_cam", "centre", "random"}
    by_measure = tried.set_index(["measure", "head", "method"])["value"]
    difference = by_measure["insertion"] - by_measure["deletion"]
    np.testing.assert_allclose(by_measure["faithfulness"].sort_index(), difference.sort_index())
    assert by_measure["deletion"].between(0, 1).all()


@pytest.mark.slow
def test_deletion_skips_photos_graded_0(predictor: Predictor, photos: Manifest) -> None:
    images = torch.stack([predictor.transform()(read_image(photos.path(row)), seed=0) for row in range(len(photos))])
    seen = (predictor.predict(images).grades > 0) & (photos.grades != MISSING)
    whole = evaluate_maps(predictor, photos, sampled=len(photos), num_workers=0)
    for h, name in enumerate(photos.schema.names):
        of_head = whole.means[(whole.means["head"] == name) & (whole.means["measure"] == "deletion")]
        assert set(of_head["photos"]) == ({seen[:, h].sum()} if seen[:, h].any() else set())


def test_similarity_is_averaged_over_all_photos(
    evaluation: MapEvaluation, predictor: Predictor, photos: Manifest
) -> None:
    images = torch.stack([predictor.transform()(read_image(photos.path(row)), seed=0) for row in range(len(photos))])
    maps = head_maps(predictor.net, images).maps.numpy()
    assert evaluation.similarity[0, 1] == pytest.approx(rank_correlation(maps[:, 0], maps[:, 1]).mean(), abs=1e-3)
    np.testing.assert_allclose(evaluation.similarity, evaluation.similarity.T)
    np.testing.assert_allclose(np.diag(evaluation.similarity), 1)


def test_groups_are_named(evaluation: MapEvaluation) -> None:
    assert set(evaluation.groups["column"]) == {"tone", "true grade"}
    tones = evaluation.groups[(evaluation.groups["column"] == "tone") & (evaluation.groups["measure"] == "energy")]
    assert tones["photos"].sum() == line(evaluation, "shine", "cam", "energy")["photos"]


def test_batches_and_workers_change_nothing(evaluation: MapEvaluation, predictor: Predictor, photos: Manifest) -> None:
    steps = []
    again = evaluate_maps(
        predictor,
        photos,
        masks,
        left_half,
        sampled=5,
        batch_size=100,
        num_workers=1,
        progress=lambda done, of: steps.append((done, of)),
    )
    keys = ["head", "method", "measure"]
    pd.testing.assert_frame_equal(
        again.means.sort_values(keys, ignore_index=True),
        evaluation.means.sort_values(keys, ignore_index=True),
        atol=0.02,  # ranks of nearly equal cells
    )
    total = len(photos) + 5
    assert steps == [(done, total) for done in range(len(photos), total + 1)]


def test_without_masks_localisation_is_not_measured(predictor: Predictor, photos: Manifest) -> None:
    bare = evaluate_maps(predictor, photos, sampled=0, num_workers=0)
    assert bare.means.empty
    assert bare.groups.empty
    assert bare.similarity.shape == (2, 2)
    assert (bare.photos, bare.sampled) == (len(photos), 0)
    assert bare.subjects == len(set(photos.subject))


@pytest.mark.slow
def test_the_sample_is_measured_in_batches(
    evaluation: MapEvaluation, predictor: Predictor, photos: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reinitialised networks compute their statistics on the first batch throughout, so that they stay the same."""
    pieces = []

    def spy(net: SkinNet, images: Tensor, *others: Any) -> Iterator[Measured]:
        pieces.append((images, others[-1]))
        return randomisation(net, images, *others)

    monkeypatch.setattr(module, "BATCH_SIZE", 2)
    monkeypatch.setattr(module, "randomisation", spy)
    again = evaluate_maps(predictor, photos, masks, left_half, sampled=5, batch_size=7, num_workers=0)
    assert [len(images) for images, _ in pieces] == [2, 2, 1]
    assert all(torch.equal(norm_images, pieces[0][0]) for _, norm_images in pieces)
    for frame in (evaluation.means, again.means):
        assert frame["measure"].str.startswith("network_anew").any()
    one, other = (
        frame[~frame["measure"].str.startswith("network_anew")].reset_index(drop=True)
        for frame in (evaluation.means, again.means)
    )
    pd.testing.assert_frame_equal(one, other, atol=0.02)


def test_a_lead_is_the_mean_of_paired_differences(
    evaluation: MapEvaluation, predictor: Predictor, photos: Manifest
) -> None:
    blind = Predictor(deepcopy(predictor.net), predictor.preprocessing, predictor.device)
    torch.nn.init.zeros_(blind.net.heads[0].linear.weight)
    other = evaluate_maps(blind, photos, masks, left_half, sampled=0, num_workers=0)
    lead = evaluation.lead_over(other).set_index(["head", "measure"])
    assert set(lead.index) == {
        *(("shine", measure) for measure in ("pointing", "energy", "auc", "outside_skin")),
        ("lines", "outside_skin"),
    }
    own, uniform = (line(evaluation, "shine", method, "energy") for method in ("cam", "uniform"))
    found = lead.loc[("shine", "energy")]  # a head with zero weights has the energy of chance
    assert found["value"] == pytest.approx(own["value"] - uniform["value"])
    assert (found["low"], found["high"]) == pytest.approx((uniform["lead_low"], uniform["lead_high"]))
    assert (found["photos"], found["subjects"]) == (own["photos"], own["subjects"])
    same = lead.loc[("lines", "outside_skin")]
    assert (same["value"], same["low"], same["high"]) == pytest.approx((0, 0, 0), abs=1e-6)
