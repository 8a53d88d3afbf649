"""Heads on frozen features, one for each seed, all trained side by side and each chosen by what validation says.

Nothing but the head is learned, so its problem is (nearly) convex and starting weights decide little: a seed also says
how much each training subject counts. These weights are exponential, a Bayesian bootstrap (Rubin, 1981), which leaves
out no photo of a rare grade as drawing with replacement would.
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
    """How long a head is trained, and how."""

    rate: float
    decay: float
    steps: int


class Graded(NamedTuple):
    """The photos of one side with the grades of an attribute.

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
        """Those that have a grade."""
        known = self.grades != MISSING
        return Graded(self.features[known], self.grades[known], self.units[known.numpy()])


class Chosen(NamedTuple):
    """What is left of a loss once its setting is chosen.

    Attributes:
        setting: of the lowest score on validation.
        score: that one, the balanced RPS averaged over seeds.
        prior: (K,) what the probabilities stand for, as the loss says.
        val: (S, N, K) probabilities of validation photos.
        test: likewise of test photos.
    """

    setting: Setting
    score: float
    prior: Tensor
    val: Tensor
    test: Tensor


def choose(loss: str, attribute: Attribute, sides: Sequence[Graded], seeds: Sequence[int]) -> Chosen:
    """The heads of a loss under the setting that validation photos are graded best with; test photos decide nothing.

    Args:
        loss: its name.
        attribute: what is graded.
        sides: train, val and test.
        seeds: S of them.
    """
    train, (val, test) = sides[0].known(), sides[1:]
    counts = np.bincount(train.grades, minlength=attribute.grades)
    best = None
    for rate, decay in product(RATES, DECAYS):
        probes = Probes(created(loss, attribute, train.features.shape[1], counts, seeds))
        for steps in trained(probes, train, subject_weights(train, seeds), rate, decay):
            probabilities = probes.probabilities(val.features)
            score = balanced_rps(probabilities, val.grades).mean().item()
            if best is None or score < best.score:
                drawn = torch.from_numpy(grade_distribution("natural", counts, attribute))
                prior, on_test = probes.loss.prior(drawn), probes.probabilities(test.features)
                best = Chosen(Setting(rate, decay, steps), score, prior, probabilities, on_test)
    assert best is not None
    return best


def created(loss: str, attribute: Attribute, channels: int, counts: np.ndarray, seeds: Sequence[int]) -> list[Head]:
    """A head for each seed, without dropout, in place of which there are few steps."""
    heads = []
    for seed in seeds:
        torch.manual_seed(seed)
        heads.append(create_head(attribute, channels, Recipe(loss=loss, dropout=0.0), counts.tolist()))
    return heads


def subject_weights(photos: Graded, seeds: Sequence[int]) -> Tensor:
    """How much each photo counts (S, N): as much as its subject, and all of a grade together as much as they are.

    So all seeds have the counts that losses weigh grades by.
    """
    draws = [np.random.default_rng(seed).exponential(size=photos.units.max() + 1)[photos.units] for seed in seeds]
    weights = torch.from_numpy(np.stack(draws)).float()
    for grade in photos.grades.unique():
        of_grade = photos.grades == grade
        weights[:, of_grade] /= weights[:, of_grade].mean(dim=1, keepdim=True)
    return weights


class Probes(nn.Module):
    """Heads side by side, with one matrix product for all of them.

    Args:
        heads: S of one kind, as they are made.
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
        """All that is learned but the weights of the features."""
        return [each for each in self.parameters() if each is not self.linear.weight]

    def forward(self, features: Tensor) -> Tensor:
        """Logits (S, N, D) of features (N, C)."""
        numbers = self.linear(features).chunk(len(self.heads), dim=1)
        return torch.stack([head(each) for head, each in zip(self.heads, numbers, strict=True)])

    @torch.no_grad()
    def probabilities(self, features: Tensor) -> Tensor:
        """(S, N, K)."""
        return self.heads[0].probabilities(self(features).flatten(0, 1)).unflatten(0, (len(self.heads), -1))  # type: ignore[operator]


def begin(probes: Probes, grades: Tensor) -> None:
    """Fits what does not hang on features, so that heads know how frequent grades are, which few small steps teach not.

    The mean photo stands for all of a grade; its standardised features are 0.
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


def trained(probes: Probes, photos: Graded, weights: Tensor, rate: float, decay: float) -> Iterator[int]:
    """Takes all heads along the path of their training, with all photos in every step; yields at each of STEPS."""
    begin(probes, photos.grades)
    seeds, matrix = len(weights), {"params": [probes.linear.weight], "weight_decay": decay}
    optimizer = AdamW([matrix, {"params": probes.intercepts, "weight_decay": 0.0}], lr=rate)
    for step in range(1, max(STEPS) + 1):
        optimizer.zero_grad()
        loss = probes.loss(probes(photos.features).flatten(0, 1), photos.grades.repeat(seeds), weights.flatten())
        (seeds * loss).backward()  # the sum over heads, which gives each its own gradient
        optimizer.step()
        if step in STEPS:
            yield step


def balanced_rps(probabilities: Tensor, grades: Tensor) -> Tensor:
    """The ranked probability score (S,) of (S, N, K), averaged over the photos of each grade, then over grades."""
    scores, known = ranked_probability_score(probabilities, grades), grades[grades != MISSING]
    return torch.stack([scores[:, grades == grade].mean(dim=1) for grade in known.unique()]).mean(dim=0)
