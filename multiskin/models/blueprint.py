"""The description from which a checkpoint's network is rebuilt before its weights are loaded."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor

from multiskin.config import ModelConfig, Recipe
from multiskin.models.backbone import Backbone, create_backbone
from multiskin.models.skinnet import SkinNet
from multiskin.schema import Schema

NETWORK = "net."  # prefix of the network's parameters in a checkpoint


@dataclass(frozen=True)
class Blueprint:
    """The description of a network.

    Attributes:
        schema: the attributes, in the order of the heads.
        model: the backbone's configuration.
        recipes: one per head.
        counts: how many training photos have each grade, (K,) per attribute.
        parts: by attribute name, the parts of the face or body on which it was graded in training; an attribute without
            an entry may be graded on all parts, since none were specified.
    """

    schema: Schema
    model: ModelConfig
    recipes: tuple[Recipe, ...]
    counts: tuple[tuple[int, ...], ...]
    parts: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def build(self, backbone: Backbone | None = None) -> SkinNet:
        """Creates the network, on a backbone with random weights unless one is given."""
        return SkinNet(backbone or create_backbone(self.model), self.schema, self.recipes, self.counts)

    def restore(self, state: Mapping[str, Tensor]) -> SkinNet:
        """Creates the network with the weights in a checkpoint's state.

        Raises:
            RuntimeError: the weights do not fit the network.
        """
        net = self.build()
        net.load_state_dict({key.removeprefix(NETWORK): state[key] for key in state if key.startswith(NETWORK)})
        return net

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": self.schema.to_dict(),
            "model": asdict(self.model),
            "recipes": [asdict(recipe) for recipe in self.recipes],
            "counts": [list(counts) for counts in self.counts],
            "parts": {name: list(parts) for name, parts in self.parts.items()},
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Blueprint":
        return cls(
            Schema.from_dict(content["schema"]),
            ModelConfig(**content["model"]),
            tuple(Recipe(**recipe) for recipe in content["recipes"]),
            tuple(tuple(counts) for counts in content["counts"]),
            {name: tuple(parts) for name, parts in content.get("parts", {}).items()},  # earlier checkpoints lack them
        )
