"""The whole network: one backbone, one head an attribute. Plain PyTorch, exportable, knows no Lightning."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from multiskin.config import Recipe
from multiskin.decisions import decide
from multiskin.heads import create_head
from multiskin.heads.base import Head
from multiskin.models.backbone import Backbone
from multiskin.resampling import grade_distribution
from multiskin.schema import Schema


class SkinOutput(NamedTuple):
    """One forward pass.

    Attributes:
        maps: (B, C, h, w), the final map that enters the pool.
        features: (B, C), what the heads read.
        logits: (B, *) by attribute.
    """

    maps: Tensor
    features: Tensor
    logits: dict[str, Tensor]


class SkinNet(nn.Module):
    """Backbone and heads.

    Args:
        backbone: what all heads share.
        schema: the attributes, in the order of the heads.
        recipes: one a head.
        counts: training grades of each attribute (K), which class-balanced losses weigh by and priors follow from.
    """

    priors: Tensor  # (H, Kmax), the grades that each head's sampler draws

    def __init__(
        self, backbone: Backbone, schema: Schema, recipes: Sequence[Recipe], counts: Sequence[Sequence[int]]
    ) -> None:
        super().__init__()
        self.schema = schema
        self.decisions = [
            recipe.decision if attribute.ordinal else "argmax"
            for attribute, recipe in zip(schema, recipes, strict=True)
        ]
        self.backbone = backbone.to(memory_format=torch.channels_last)  # on a CPU twice as fast
        self.heads = nn.ModuleList(
            create_head(attribute, backbone.num_features, recipe, count)
            for attribute, recipe, count in zip(schema, recipes, counts, strict=True)
        )

        self.register_buffer("priors", self._priors(recipes, counts), persistent=False)

    def named_heads(self) -> list[tuple[str, Head]]:
        return list(zip(self.schema.names, self.heads, strict=True))  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> SkinOutput:
        maps, features = self.backbone(images.contiguous(memory_format=torch.channels_last))
        return SkinOutput(maps, features, {name: head(features) for name, head in self.named_heads()})

    def losses(self, logits: dict[str, Tensor], grades: Tensor, weight: Tensor) -> Tensor:
        """Each head's loss (H,) on grades (B, H) with -1 for missing and weights (B, H)."""
        return torch.stack(
            [head.loss(logits[name], grades[:, h], weight[:, h]) for h, (name, head) in enumerate(self.named_heads())]
        )

    def probabilities(self, logits: dict[str, Tensor]) -> Tensor:
        """Every head's probabilities side by side (B, H, Kmax), 0 beyond a head's own K."""
        width = self.schema.max_grades
        rows = [head.probabilities(logits[name]) for name, head in self.named_heads()]  # (B, K) each
        return torch.stack([nn.functional.pad(row, (0, width - row.shape[1])) for row in rows], dim=1)

    def decide(self, probabilities: Tensor) -> Tensor:
        """One grade a head (B, H) from probabilities (B, H, Kmax), each by its own rule."""
        columns = [
            decide(rule, probabilities[:, h, : attribute.grades], self.priors[h, : attribute.grades])
            for h, (rule, attribute) in enumerate(zip(self.decisions, self.schema, strict=True))
        ]
        return torch.stack(columns, dim=1)

    def _priors(self, recipes: Sequence[Recipe], counts: Sequence[Sequence[int]]) -> Tensor:
        """What each head's probabilities stand for (H, Kmax): the grades it draws, as its loss counts them."""
        priors = torch.zeros(len(self.schema), self.schema.max_grades)
        for h, (attribute, recipe, count) in enumerate(zip(self.schema, recipes, counts, strict=True)):
            if any(count):
                drawn = torch.from_numpy(grade_distribution(recipe.resample, np.asarray(count), attribute))
                priors[h, : attribute.grades] = self.heads[h].loss.prior(drawn)  # type: ignore[union-attr, operator]
        return priors
