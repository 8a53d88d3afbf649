"""Knowledge distillation: heads that learn from trained models as well as from grades."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from multiskin.config import Recipe
from multiskin.data.preprocessing import Preprocessing
from multiskin.errors import UserError
from multiskin.heads.base import Head
from multiskin.models.blueprint import Blueprint
from multiskin.models.checkpoint import intact, read_checkpoint
from multiskin.models.skinnet import SkinNet
from multiskin.run import RunFolder
from multiskin.schema import Attribute

OPTION = "distillation.teachers"
REMEDY = "give runs, or their checkpoints"
SAME = ("loss", "loss_options", "resample")  # options of a head that give its probabilities their meaning

Learners = dict[str, tuple[Attribute, Recipe]]  # the heads that learn, by the attribute's name


class Teacher(NamedTuple):
    """A trained network and what is done to its photos."""

    net: SkinNet
    preprocessing: Preprocessing

    def probabilities(self, images: Tensor, preprocessing: Preprocessing) -> dict[str, Tensor]:
        """The probabilities (B, K) of every head, of images (B, 3, S, S) that were prepared for another network."""
        output = self.net.to(images.device)(convert(images, preprocessing, self.preprocessing))
        return {name: head.probabilities(output.logits[name]) for name, head in self.net.named_heads()}


class Distillation:
    """The loss of a network on the probabilities of its teachers.

    Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network, 2015, https://arxiv.org/abs/1503.02531, at
    temperature 1. That one network learns several tasks from a teacher for each is from Li and Bilen, Knowledge
    Distillation for Multi-task Learning, 2020, https://arxiv.org/abs/2007.06889. A teacher sees the very photos that
    the network sees, augmented alike: Beyer et al., Knowledge distillation: A good teacher is patient and consistent,
    2022, https://arxiv.org/abs/2106.05237.

    It is no module, so that checkpoints do not contain the teachers.

    Args:
        teachers: the trained networks; several of one attribute are averaged.
        preprocessing: how the network's own photos are prepared.
        weight: of this loss, relative to that of the grades.
    """

    def __init__(self, teachers: Sequence[Teacher], preprocessing: Preprocessing, weight: float) -> None:
        self.teachers = teachers
        self.preprocessing = preprocessing
        self.weight = weight

    def losses(self, net: SkinNet, images: Tensor, logits: dict[str, Tensor]) -> Tensor:
        """The loss of each head (H,): weight times the mean over photos of KL(teacher || head), 0 without a teacher.

        All photos count alike, with and without a grade. There are no importance weights as for grades, since a teacher
        says the same of a photo however often it is drawn.

        Args:
            net: the network that learns.
            images: (B, 3, S, S), as the network sees them.
            logits: its own, (B, D) by attribute.
        """
        taught = self.probabilities(images)

        def loss(name: str, head: Head) -> Tensor:
            if name not in taught:
                return logits[name].new_zeros(())
            return self.weight * divergence(taught[name], head.log_probabilities(logits[name]))

        return torch.stack([loss(name, head) for name, head in net.named_heads()])

    @torch.no_grad()
    def probabilities(self, images: Tensor) -> dict[str, Tensor]:
        """The probabilities (B, K) of each attribute that has a teacher, averaged over its teachers."""
        each = [teacher.probabilities(images, self.preprocessing) for teacher in self.teachers]
        names = {name for one in each for name in one}
        return {name: torch.stack([one[name] for one in each if name in one]).mean(dim=0) for name in names}


def divergence(taught: Tensor, log_probabilities: Tensor) -> Tensor:
    """The Kullback-Leibler divergence of log-probabilities (B, K) from the probabilities taught, averaged over rows."""
    return F.kl_div(log_probabilities, taught, reduction="batchmean")


def convert(images: Tensor, source: Preprocessing, target: Preprocessing) -> Tensor:
    """Converts prepared images (B, 3, S, S) to the size, mean and standard deviation of another preprocessing."""
    if images.shape[-1] != target.input_size:
        images = F.interpolate(images, size=(target.input_size,) * 2, mode="bilinear", antialias=True)
    if (source.mean, source.std) == (target.mean, target.std):
        return images
    mean, std, new_mean, new_std = (
        images.new_tensor(each)[:, None, None] for each in (source.mean, source.std, target.mean, target.std)
    )
    return (images * std + mean - new_mean) / new_std


def load_teachers(
    paths: Sequence[str], schema: Iterable[Attribute], recipes: Sequence[Recipe], preprocessing: Preprocessing
) -> list[Teacher]:
    """Loads the teachers of a network.

    Args:
        paths: run folders or checkpoints.
        schema: the attributes of the network that learns.
        recipes: their recipes.
        preprocessing: that of its photos.

    Raises:
        UserError: there is none, or one cannot be read, grades none of the attributes or was trained in another way.
    """
    if not paths:
        raise UserError(f"{OPTION}: none given; {REMEDY}")
    learners = {attribute.name: (attribute, recipe) for attribute, recipe in zip(schema, recipes, strict=True)}
    return [_load(path, learners, preprocessing) for path in paths]


def checkpoint_of(teacher: str) -> Path:
    """The checkpoint of a teacher, which may be given as a run folder."""
    best = RunFolder(Path(teacher)).best
    return best if best.is_file() else Path(teacher)


def _load(path: str, learners: Learners, preprocessing: Preprocessing) -> Teacher:
    content = read_checkpoint(checkpoint_of(path), REMEDY)
    with intact(path):
        blueprint = Blueprint.from_dict(content["blueprint"])
        net = blueprint.restore(content["state_dict"]).eval().requires_grad_(False)
        teacher = Teacher(net, Preprocessing.from_dict(content["preprocessing"]))
    _require_fit(f"{OPTION}: {path}", blueprint, learners)
    if teacher.preprocessing.skin != preprocessing.skin:
        raise UserError(f"{OPTION}: {path}: was trained with other options data.skin; give the same here")
    return teacher


def _require_fit(where: str, teacher: Blueprint, learners: Learners) -> None:
    """Makes sure that the probabilities of a teacher mean what those of the heads that learn them mean."""
    heads = zip(teacher.schema, teacher.recipes, strict=True)
    taught = [(own, recipe) for own, recipe in heads if own.name in learners]
    if not taught:
        raise UserError(f"{where}: grades none of {', '.join(learners)}; give a model that does")
    for own, recipe in taught:
        attribute, learner = learners[own.name]
        if (own.kind, own.grades) != (attribute.kind, attribute.grades):
            raise UserError(f"{where}: has other grades of {own.name}; give a model with the same")
        for option in SAME:
            theirs, ours = getattr(recipe, option), getattr(learner, option)
            if theirs != ours:
                raise UserError(
                    f"{where}: {own.name} was trained with {option} {theirs}, and heads.{own.name}.{option} is {ours}; "
                    "use the same, since probabilities mean something else otherwise"
                )
