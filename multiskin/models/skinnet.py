"""The whole network, one backbone with one head per attribute, in plain PyTorch that can be exported."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from multiskin.config import Recipe
from multiskin.decisions import Rule, credit_of, decide_heads
from multiskin.heads import create_head
from multiskin.heads.base import Head
from multiskin.models.backbone import Backbone
from multiskin.resampling import grade_distribution
from multiskin.schema import Attribute, Schema


class SkinOutput(NamedTuple):
    """The output of a forward pass.

    Attributes:
        maps: (B, C, h, w), the backbone's final map before pooling.
        features: (B, C'), the backbone's pooled features, which all heads read.
        logits: (B, D) by attribute.
        stages: (B, C_s, h_s, w_s) by stride, the finer maps that some heads read as well.
    """

    maps: Tensor
    features: Tensor
    logits: dict[str, Tensor]
    stages: Mapping[int, Tensor] = {}


def head_features(features: Tensor, stages: Mapping[int, Tensor], stride: int | None) -> Tensor:
    """The input of a head: the features (B, C') followed by the mean (B, C_s) of the stage of its stride, if any.

    The stage is fine but shallow, the final map coarse but deep; networks that localize do so better with both than
    with either (Long et al., 2015, https://arxiv.org/abs/1411.4038; Hariharan et al., 2015,
    https://arxiv.org/abs/1411.5752). Because initial weights are small, unneeded features do no harm. Average pooling,
    as of the final map, keeps class-activation maps exact on the grid of the stage.
    """
    if stride is None:
        return features
    return torch.cat([features, stages[stride].mean(dim=(2, 3))], dim=1)


class SkinNet(nn.Module):
    """Backbone and heads.

    Args:
        backbone: the backbone that all heads share.
        schema: the attributes, in the order of the heads.
        recipes: one per head.
        counts: how many training photos have each grade, (K,) per attribute; used by some losses and for the priors.

    Attributes:
        strides: the stride of the finer stage that each head reads as well, None for none.

    Raises:
        UserError: an invalid recipe, or a stage that the backbone does not have.
    """

    priors: Tensor  # (H, Kmax), the grade distribution that each head's probabilities refer to
    credit: Tensor  # (H, Kmax, Kmax), the credit of each head's decisions, true grade in rows

    def __init__(
        self, backbone: Backbone, schema: Schema, recipes: Sequence[Recipe], counts: Sequence[Sequence[int]]
    ) -> None:
        super().__init__()
        self.schema = schema
        self.decisions = [
            recipe.decision if attribute.ordinal else "argmax"
            for attribute, recipe in zip(schema, recipes, strict=True)
        ]
        self.strides = [recipe.stride for recipe in recipes]
        self.backbone = backbone.to(memory_format=torch.channels_last)  # twice as fast on a CPU
        self.heads = nn.ModuleList(
            create_head(attribute, self._in_features(attribute, recipe), recipe, count)
            for attribute, recipe, count in zip(schema, recipes, counts, strict=True)
        )

        self.register_buffer("priors", self._priors(recipes, counts), persistent=False)
        self.register_buffer("credit", self._credit(recipes), persistent=False)

    def named_heads(self) -> list[tuple[str, Head]]:
        return list(zip(self.schema.names, self.heads, strict=True))  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> SkinOutput:
        maps, features, stages = self._run_backbone(images.contiguous(memory_format=torch.channels_last))
        read = {stride: head_features(features, stages, stride) for stride in set(self.strides)}
        heads = zip(self.named_heads(), self.strides, strict=True)
        return SkinOutput(maps, features, {name: head(read[stride]) for (name, head), stride in heads}, stages)

    def _run_backbone(self, images: Tensor) -> tuple[Tensor, Tensor, Mapping[int, Tensor]]:
        strides = {stride for stride in self.strides if stride is not None}
        if strides:
            return self.backbone.with_stages(images, strides)
        return *self.backbone(images), {}

    def losses(self, logits: dict[str, Tensor], grades: Tensor, weight: Tensor) -> Tensor:
        """Each head's loss (H,), given grades (B, H), -1 where missing, and weights (B, H)."""
        return torch.stack(
            [head.loss(logits[name], grades[:, h], weight[:, h]) for h, (name, head) in enumerate(self.named_heads())]
        )

    def probabilities(self, logits: dict[str, Tensor]) -> Tensor:
        """The probabilities of all heads (B, H, Kmax), 0 beyond a head's own K."""
        width = self.schema.max_grades
        rows = [head.probabilities(logits[name]) for name, head in self.named_heads()]  # (B, K) each
        return torch.stack([nn.functional.pad(row, (0, width - row.shape[1])) for row in rows], dim=1)

    def rules(self) -> list[Rule]:
        """The decision rule of each head, for uncalibrated probabilities."""
        sizes = [attribute.grades for attribute in self.schema]
        each = zip(self.decisions, self.priors, self.credit, sizes, strict=True)
        return [Rule(decision, prior[:k], credit[:k, :k]) for decision, prior, credit, k in each]

    def decide(self, probabilities: Tensor) -> Tensor:
        """One grade per head (B, H) from probabilities (B, H, Kmax), each by the head's own rule."""
        return decide_heads(probabilities, self.rules())

    def _in_features(self, attribute: Attribute, recipe: Recipe) -> int:
        """The number of features that a head reads."""
        if recipe.stride is None:
            return self.backbone.num_features
        stage = self.backbone.require_stage(recipe.stride, f"heads.{attribute.name}.stride")
        return self.backbone.num_features + stage.channels

    def _priors(self, recipes: Sequence[Recipe], counts: Sequence[Sequence[int]]) -> Tensor:
        """The grade distribution (H, Kmax) that each head's probabilities refer to, given its sampling and its loss."""
        priors = torch.zeros(len(self.schema), self.schema.max_grades)
        for h, (attribute, recipe, count) in enumerate(zip(self.schema, recipes, counts, strict=True)):
            if any(count):
                drawn = torch.from_numpy(grade_distribution(recipe.resample, np.asarray(count), attribute))
                priors[h, : attribute.grades] = self.heads[h].loss.prior(drawn)  # type: ignore[union-attr, operator]
        return priors

    def _credit(self, recipes: Sequence[Recipe]) -> Tensor:
        """The credit of each head's decisions (H, Kmax, Kmax), 0 beyond a head's own K."""
        credit = torch.zeros(len(self.schema), self.schema.max_grades, self.schema.max_grades)
        for own, attribute, recipe in zip(credit, self.schema, recipes, strict=True):
            own[: attribute.grades, : attribute.grades] = credit_of(attribute, recipe.credit)
        return credit
