"""Photos as a frozen, pretrained backbone sees them: computed once, and kept for every head that is tried on them."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader

from multiskin.cli.photos import checked_photos, with_photos_drawn
from multiskin.cli.settings import fit_config
from multiskin.config import FitConfig
from multiskin.data.dataset import GradedPhotos
from multiskin.data.manifest import Manifest
from multiskin.data.transforms import Preprocessing, evaluation_transform
from multiskin.models.backbone import Backbone, pretrained_backbone
from multiskin.models.weights import find_weights
from multiskin.run import whole
from multiskin.schema import Schema

BATCH = 32
SIDES = ("train", "val", "test")


class Side(NamedTuple):
    """One side of the split.

    Attributes:
        photos: N of them, with their grades.
        features: (N, C) float32, standardised by those of the training photos.
    """

    photos: Manifest
    features: torch.Tensor


class Frozen(NamedTuple):
    """A data set as a frozen backbone sees it.

    Attributes:
        config: the settings that say what the photos are and how they are shown.
        sides: train, val and test.
        key: the same for the same features.
        seconds: of processor time that they took.
    """

    config: FitConfig
    sides: Mapping[str, Side]
    key: str
    seconds: float

    @property
    def schema(self) -> Schema:
        return self.sides["train"].photos.schema


def frozen(arguments: Sequence[str], root: str | None, folder: Path) -> Frozen:
    """The photos of a training config as its backbone sees them before any training.

    Args:
        arguments: as `multiskin fit` takes them.
        root: where the photos are, drawn ones as well; default: as the config says.
        folder: where features are kept.
    """
    config, schema = fit_config("heads", "", list(arguments))
    config = replace(config, data=replace(config.data, root=root, render=None)) if root else with_photos_drawn(config)
    # At its own stride: with another one a network that is not trained on sees every pattern at a strange scale.
    config = replace(config, model=replace(config.model, output_stride=None, dilation=True))
    photos = checked_photos(config, schema)
    backbone = pretrained_backbone(config.model, offline=config.offline).eval()
    key = _key(photos.manifest, config, backbone)
    features, seconds = _kept(folder / f"features-{key}.npz", photos.manifest, config, backbone)
    sides = {side: (photos.side(side), features[photos.split == side]) for side in SIDES}
    return Frozen(config, _standardised(sides), key, seconds)


def _standardised(sides: Mapping[str, tuple[Manifest, np.ndarray]]) -> dict[str, Side]:
    _, train = sides["train"]
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation = np.where(deviation > 0, deviation, 1)  # a channel that never answers stays 0
    return {
        side: Side(photos, torch.from_numpy((features - mean) / deviation))
        for side, (photos, features) in sides.items()
    }


def _kept(path: Path, photos: Manifest, config: FitConfig, backbone: Backbone) -> tuple[np.ndarray, float]:
    """The features (N, C), and the seconds that they took, from the file if it is there."""
    if not path.is_file():
        start = time.process_time()
        features = _features(photos, config, backbone)
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as part, part.open("wb") as file:  # by its handle, or numpy would lengthen the name
            np.savez(file, features=features, seconds=time.process_time() - start)
    with np.load(path) as kept:
        return kept["features"], float(kept["seconds"])


@torch.inference_mode()
def _features(photos: Manifest, config: FitConfig, backbone: Backbone) -> np.ndarray:
    """What heads read of each photo as it is shown in evaluation: (N, C)."""
    preprocessing = Preprocessing(
        config.model.input_size, backbone.mean, backbone.std, tuple(config.data.transform), config.data.skin
    )
    backbone = backbone.to(memory_format=torch.channels_last)
    loader = DataLoader(GradedPhotos(photos, evaluation_transform(preprocessing)), BATCH)
    images = (batch["image"].contiguous(memory_format=torch.channels_last) for batch in loader)
    return np.concatenate([backbone(of_batch)[1].numpy() for of_batch in images])


def _key(photos: Manifest, config: FitConfig, backbone: Backbone) -> str:
    """Of all that decides on the features, and not of where it lies."""
    weights = find_weights(config.model.weights, backbone.net.pretrained_cfg, offline=config.offline)
    decides = {
        "backbone": config.model.backbone,
        "weights": hashlib.sha256(weights.read_bytes()).hexdigest() if weights else None,
        "input_size": config.model.input_size,
        "transform": config.data.transform,
        "skin": asdict(config.data.skin),
        "photos": photos.paths.tolist(),
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]
