"""Features of photos from a frozen, pretrained backbone, computed once and cached for all heads."""

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
from multiskin.run import atomic_path
from multiskin.schema import Schema

BATCH = 32
SIDES = ("train", "val", "test")


class Side(NamedTuple):
    """One side of the split.

    Attributes:
        photos: N photos with their grades.
        features: (N, C) float32, standardised with the mean and standard deviation of the training photos.
    """

    photos: Manifest
    features: torch.Tensor


class Frozen(NamedTuple):
    """The features of a data set from a frozen backbone.

    Attributes:
        config: the settings of the photos and their preprocessing.
        sides: train, val and test.
        key: a hash of everything that the features depend on.
        seconds: the CPU time of computing the features.
    """

    config: FitConfig
    sides: Mapping[str, Side]
    key: str
    seconds: float

    @property
    def schema(self) -> Schema:
        return self.sides["train"].photos.schema


def frozen(arguments: Sequence[str], root: str | None, folder: Path) -> Frozen:
    """Computes the features of a config's photos with its pretrained backbone, or reads them from the cache.

    Args:
        arguments: arguments of `multiskin fit`.
        root: the folder of the photos, also for rendered ones; None for that of the config.
        folder: the folder to cache features in.
    """
    config, schema = fit_config("heads", "", list(arguments))
    config = replace(config, data=replace(config.data, root=root, render=None)) if root else with_photos_drawn(config)
    # At its original stride: without fine-tuning, another stride shows the network patterns at a scale it never saw.
    config = replace(config, model=replace(config.model, output_stride=None, dilation=True))
    photos = checked_photos(config, schema)
    backbone = pretrained_backbone(config.model, offline=config.offline).eval()
    key = _cache_key(photos.manifest, config, backbone)
    features, seconds = _cached_features(folder / f"features-{key}.npz", photos.manifest, config, backbone)
    sides = {side: (photos.side(side), features[photos.split == side]) for side in SIDES}
    return Frozen(config, _standardised(sides), key, seconds)


def _standardised(sides: Mapping[str, tuple[Manifest, np.ndarray]]) -> dict[str, Side]:
    _, train = sides["train"]
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation = np.where(deviation > 0, deviation, 1)  # a constant channel stays 0
    return {
        side: Side(photos, torch.from_numpy((features - mean) / deviation))
        for side, (photos, features) in sides.items()
    }


def _cached_features(path: Path, photos: Manifest, config: FitConfig, backbone: Backbone) -> tuple[np.ndarray, float]:
    """The features (N, C) and the CPU seconds of computing them, from the file if it exists."""
    if not path.is_file():
        start = time.process_time()
        features = _compute_features(photos, config, backbone)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as part, part.open("wb") as file:  # as a file object, since numpy appends .npz to names
            np.savez(file, features=features, seconds=time.process_time() - start)
    with np.load(path) as kept:
        return kept["features"], float(kept["seconds"])


@torch.inference_mode()
def _compute_features(photos: Manifest, config: FitConfig, backbone: Backbone) -> np.ndarray:
    """The pooled features (N, C) of the photos, preprocessed as for evaluation."""
    preprocessing = Preprocessing(
        config.model.input_size, backbone.mean, backbone.std, tuple(config.data.transform), config.data.skin
    )
    backbone = backbone.to(memory_format=torch.channels_last)
    loader = DataLoader(GradedPhotos(photos, evaluation_transform(preprocessing)), BATCH)
    images = (batch["image"].contiguous(memory_format=torch.channels_last) for batch in loader)
    return np.concatenate([backbone(of_batch)[1].numpy() for of_batch in images])


def _cache_key(photos: Manifest, config: FitConfig, backbone: Backbone) -> str:
    """A hash of everything that the features depend on, independent of where the files are."""
    weights = find_weights(config.model.weights, backbone.net.pretrained_cfg, offline=config.offline)
    inputs = {
        "backbone": config.model.backbone,
        "weights": hashlib.sha256(weights.read_bytes()).hexdigest() if weights else None,
        "input_size": config.model.input_size,
        "transform": config.data.transform,
        "skin": asdict(config.data.skin),
        "photos": photos.paths.tolist(),
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]
