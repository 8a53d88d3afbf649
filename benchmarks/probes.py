"""Heads on frozen features, one per seed, trained in parallel with hyperparameters chosen on validation photos.

Only the head is trained, so its problem is (nearly) convex and initial weights matter little. Therefore a seed also
draws how much each training subject counts, from an exponential distribution: a Bayesian bootstrap (Rubin, 1981),
which, unlike resampling with replacement, never leaves out a photo of a rare grade.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from frozen import Side
from torch import Tensor, nn
from torch.optim import LBFGS, AdamW

from multiskin.config import Recipe
from multiskin.heads import Head, create_head
from multiskin.losses import Loss
from multiskin.metrics.functional import ranked_probability_score
from multiskin.resampling import grade_distribution
from multiskin.schema import MISSING, Attribute

RATES = (2e-3, 1e-2)
DECAYS = (1.0, 10.0, 60.0)
STEPS = (5, 15, 40, 120)


class Setting(NamedTuple):
    """The learning rate, weight decay and number of steps of training."""

    rate: float
    decay: float
    steps: int


class Graded(NamedTuple):
    """The photos of one side with their grades for one attribute.

    Attributes:
        features: (N, C).
        grades: (N,) int64, -1 where missing.
        units: (N,) the number of each photo's subject.
    """

    features: Tensor
    grades: Tensor
    units: np.ndarray

    @classmethod
    def of(cls, side: Side, head: int) -> "Graded":
        units = side.photos.units
        return cls(side.features, torch.from_numpy(side.photos.grades[:, head]), units)

    def known(self) -> "Graded":
        """The photos that have a grade."""
        known = self.grades != MISSING
        return Graded(self.features[known], self.grades[known], self.units[known.numpy()])


class Chosen(NamedTuple):
    """The result of a loss with its best setting.

    Attributes:
        setting: the setting with the lowest score on validation photos.
        score: its score, the balanced RPS averaged over seeds.
        prior: (K,) the grade distribution that the probabilities assume, according to the loss.
        val: (S, N, K) probabilities of validation photos.
        test: (S, N, K) probabilities of test photos.
    """

    setting: Setting
    score: float
    prior: Tensor
    val: Tensor
    test: Tensor


def choose(loss: str, attribute: Attribute, sides: Sequence[Graded], seeds: Sequence[int]) -> Chosen:
    """Trains heads under every setting, and chooses the best setting on validation photos.

    Args:
        loss: the name of the loss.
        attribute: the attribute to grade.
        sides: the photos of train, val and test; test photos do not influence the choice.
        seeds: S seeds, one per head.
    """
    train, (val, test) = sides[0].known(), sides[1:]
    counts = np.bincount(train.grades, minlength=attribute.grades)
    best = None
    for rate, decay in product(RATES, DECAYS):
        probes = Probes(create_heads(loss, attribute, train.features.shape[1], counts, seeds))
        for steps in train_probes(probes, train, subject_weights(train, seeds), rate, decay):
            probabilities = probes.probabilities(val.features)
            score = balanced_rps(probabilities, val.grades).mean().item()
            if best is None or score < best.score:
                drawn = torch.from_numpy(grade_distribution("natural", counts, attribute))
                prior, on_test = probes.loss.prior(drawn), probes.probabilities(test.features)
                best = Chosen(Setting(rate, decay, steps), score, prior, probabilities, on_test)
    assert best is not None
    return best


def create_heads(
    loss: str, attribute: Attribute, channels: int, counts: np.ndarray, seeds: Sequence[int]
) -> list[Head]:
    """One head per seed, without dropout; early stopping regularises instead."""
    heads = []
    for seed in seeds:
        torch.manual_seed(seed)
        heads.append(create_head(attribute, channels, Recipe(loss=loss, dropout=0.0), counts.tolist()))
    return heads


def subject_weights(photos: Graded, seeds: Sequence[int]) -> Tensor:
    """The weight of each photo for each seed (S, N): that of its subject, scaled to a mean of 1 over each grade.

    Thus all seeds have the grade counts that some losses weight grades by.
    """
    draws = [np.random.default_rng(seed).exponential(size=photos.units.max() + 1)[photos.units] for seed in seeds]
    weights = torch.from_numpy(np.stack(draws)).float()
    for grade in photos.grades.unique():
        of_grade = photos.grades == grade
        weights[:, of_grade] /= weights[:, of_grade].mean(dim=1, keepdim=True)
    return weights


class Probes(nn.Module):
    """Heads that share one matrix product.

    Args:
        heads: S new heads of the same kind; their linear layers are merged into one.
    """

    def __init__(self, heads: Sequence[Head]) -> None:
        super().__init__()
        layers = [head.linear for head in heads]
        self.linear = nn.Linear(layers[0].in_features, sum(layer.out_features for layer in layers))
        with torch.no_grad():
            self.linear.weight.copy_(torch.cat([layer.weight for layer in layers]))
            self.linear.bias.copy_(torch.cat([layer.bias for layer in layers]))
        for head in heads:
            head.linear = nn.Identity()  # type: ignore[assignment]
        self.heads = nn.ModuleList(heads)

    @property
    def loss(self) -> Loss:
        return self.heads[0].loss  # type: ignore[return-value]

    @property
    def intercepts(self) -> list[nn.Parameter]:
        """All parameters except the weights of the features."""
        return [each for each in self.parameters() if each is not self.linear.weight]

    def forward(self, features: Tensor) -> Tensor:
        """Logits (S, N, D) for features (N, C)."""
        numbers = self.linear(features).chunk(len(self.heads), dim=1)
        return torch.stack([head(each) for head, each in zip(self.heads, numbers, strict=True)])

    @torch.no_grad()
    def probabilities(self, features: Tensor) -> Tensor:
        """Probabilities (S, N, K) for features (N, C)."""
        return self.heads[0].probabilities(self(features).flatten(0, 1)).unflatten(0, (len(self.heads), -1))  # type: ignore[operator]


def fit_intercepts(probes: Probes, grades: Tensor) -> None:
    """Fits the intercepts to the grade frequencies, which a few small steps of training would not reach.

    All photos of a grade are replaced by the mean photo, whose standardised features are 0.
    """
    present, counts = grades.unique(return_counts=True)
    seeds, mean = len(probes.heads), torch.zeros(len(present), probes.linear.in_features)
    optimizer = LBFGS(probes.intercepts, max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> float:
        optimizer.zero_grad()
        value = probes.loss(probes(mean).flatten(0, 1), present.repeat(seeds), (counts / len(grades)).repeat(seeds))
        value.backward()
        return value.item()

    optimizer.step(loss)


def train_probes(probes: Probes, photos: Graded, weights: Tensor, rate: float, decay: float) -> Iterator[int]:
    """Trains all heads on full batches, and yields the number of steps taken at each of STEPS."""
    fit_intercepts(probes, photos.grades)
    seeds, matrix = len(weights), {"params": [probes.linear.weight], "weight_decay": decay}
    optimizer = AdamW([matrix, {"params": probes.intercepts, "weight_decay": 0.0}], lr=rate)
    for step in range(1, max(STEPS) + 1):
        optimizer.zero_grad()
        loss = probes.loss(probes(photos.features).flatten(0, 1), photos.grades.repeat(seeds), weights.flatten())
        (seeds * loss).backward()  # the sum over heads, so that each gets the gradient of its own loss
        optimizer.step()
        if step in STEPS:
            yield step


def balanced_rps(probabilities: Tensor, grades: Tensor) -> Tensor:
    """The RPS (S,) of probabilities (S, N, K), averaged over the photos of each grade, then over grades."""
    scores, known = ranked_probability_score(probabilities, grades), grades[grades != MISSING]
    return torch.stack([scores[:, grades == grade].mean(dim=1) for grade in known.unique()]).mean(dim=0)
