"""A draw alone determines the picture, whichever worker loads it; batches have the documented content."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from multiskin.config import Recipe
from multiskin.data.dataset import GradedPhotos, TrainingPhotos
from multiskin.data.images import read_image
from multiskin.data.sampling import Draw, Mixture, MixtureSampler
from multiskin.data.transforms import Preprocessing, evaluation_transform, training_transform
from multiskin.data.workers import one_thread
from multiskin.schema import MISSING

S = 16
PREPROCESSING = Preprocessing(S, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
RECIPES = [
    Recipe(augment=["RandomResizedCrop", "HorizontalFlip", "ISONoise"], resample="balanced"),
    Recipe(augment=[{"RGBShift": {"p": 1.0}}, "OpticalDistortion"], share=2.0),
]


@pytest.fixture(scope="module")
def mixture(manifest, schema):
    return Mixture.of(manifest.grades, schema, RECIPES)


@pytest.fixture(scope="module")
def training_photos(manifest, mixture):
    transforms = [training_transform(recipe.augment, PREPROCESSING, "heads.x.augment") for recipe in RECIPES]
    return TrainingPhotos(manifest, mixture.weights, transforms, seed=3)


class Marked:
    """Returns, in place of a picture, the head whose transform was called and its seed."""

    def __init__(self, head):
        self.head = head

    def settle(self, photo):
        return photo

    def finish(self, picture, seed):
        return torch.tensor([self.head, seed])


def marked(manifest, mixture, seed=3):
    return TrainingPhotos(manifest, mixture.weights, [Marked(head) for head in range(2)], seed)


# Training


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_workers_and_order_change_no_picture(training_photos, mixture):
    draws = list(MixtureSampler(mixture, 20, seed=0))

    def pictures(draws, workers):
        loader = DataLoader(
            training_photos, batch_size=3, sampler=draws, num_workers=workers, worker_init_fn=one_thread
        )
        return torch.cat([batch["image"] for batch in loader])

    expected = pictures(draws, 0)
    assert torch.equal(pictures(draws, 2), expected)
    order = np.random.default_rng(0).permutation(len(draws))
    assert torch.equal(pictures([draws[i] for i in order], 0), expected[order])


def test_a_photo_is_augmented_by_the_head_that_drew_it(training_photos, manifest, mixture):
    for head, recipe in enumerate(RECIPES):
        transform = training_transform(recipe.augment, PREPROCESSING, "heads.x.augment")
        draw = Draw(row=5, head=head, epoch=2, number=9)
        seed = int(marked(manifest, mixture)[draw]["image"][1])
        assert torch.equal(training_photos[draw]["image"], transform(read_image(manifest.path(5)), seed))
        assert int(marked(manifest, mixture)[draw]["image"][0]) == head


def test_every_draw_has_a_seed_of_its_own(manifest, mixture):
    seeds = {
        int(marked(manifest, mixture, seed)[Draw(row, 0, epoch, number)]["image"][1])
        for seed in range(3)
        for epoch in range(3)
        for number in range(8)
        for row in (1, 4)
    }
    assert len(seeds) == 3 * 3 * 8  # the row has no say, nor a need of one
    assert min(seeds) >= 0


def test_a_training_batch_holds_what_the_contract_says(training_photos, manifest, mixture):
    draws = list(MixtureSampler(mixture, 10, seed=1))
    (batch,) = DataLoader(training_photos, batch_size=10, sampler=draws)
    rows = [draw.row for draw in draws]
    assert {key: (tuple(value.shape), value.dtype) for key, value in batch.items()} == {
        "image": ((10, 3, S, S), torch.float32),
        "grades": ((10, 2), torch.int64),
        "weight": ((10, 2), torch.float32),
        "row": ((10,), torch.int64),
    }
    assert batch["row"].tolist() == rows
    assert batch["grades"].tolist() == manifest.grades[rows].tolist()
    np.testing.assert_array_equal(batch["weight"], mixture.weights[rows].astype(np.float32))
    assert len(training_photos) == len(manifest)


# Validation and test


def test_a_graded_photo_counts_once_for_each_grade_it_has(manifest):
    photos = GradedPhotos(manifest, evaluation_transform(PREPROCESSING))
    assert len(photos) == len(manifest)
    (batch,) = DataLoader(photos, batch_size=len(manifest))
    assert batch["row"].tolist() == list(range(len(manifest)))
    assert batch["grades"].tolist() == manifest.grades.tolist()
    assert batch["weight"].dtype == batch["image"].dtype == torch.float32
    for weights, grades in zip(batch["weight"].numpy().T, manifest.grades.T, strict=True):
        graded = [grade for grade in grades if grade != MISSING]
        expected = [len(grades) / len(graded) if grade != MISSING else 0.0 for grade in grades]
        assert weights.tolist() == pytest.approx(expected)
        assert weights.mean() == pytest.approx(1.0)
    for row in (0, 17):
        expected = evaluation_transform(PREPROCESSING)(read_image(manifest.path(row)), 0)
        assert torch.equal(batch["image"][row], expected)


# Workers
