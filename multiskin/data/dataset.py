"""Photos and grades as tensors: the batches for training and validation.

batch = {"image": (B, 3, S, S) float32, "grades": (B, H) int64 with -1, "weight": (B, H) float32, "row": (B,) int64}
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from multiskin.data.manifest import Manifest
from multiskin.data.pictures import FreshPictures, Pictures
from multiskin.data.sampling import Draw
from multiskin.data.transforms import PhotoTransform
from multiskin.schema import MISSING

Item = dict[str, Tensor]


def _item(manifest: Manifest, row: int, image: Tensor, weight: np.ndarray) -> Item:
    return {
        "image": image,
        "grades": torch.from_numpy(manifest.grades[row]),  # (H,)
        "weight": torch.from_numpy(weight.astype(np.float32)),  # (H,)
        "row": torch.tensor(row),
    }


class TrainingPhotos(Dataset[Item]):
    """Drawn photos, each augmented by the recipe of the head that drew it and weighted for every head.

    Args:
        manifest: the N training photos.
        weights: (N, H), how much a row counts for each head.
        transforms: one per head.
        seed: seed of the augmentation; together with a draw's epoch and number it determines the picture.
        reduced: decode JPEG photos no larger than a transform needs them.

    Attributes:
        fresh: the input of each transform's random steps, decoded and transformed each time.
        pictures: the same, possibly cached.
    """

    def __init__(
        self,
        manifest: Manifest,
        weights: np.ndarray,
        transforms: Sequence[PhotoTransform],
        seed: int,
        reduced: bool = False,
    ) -> None:
        self.manifest = manifest
        self.weights = weights
        self.transforms = transforms
        self.seed = seed
        self.fresh = [FreshPictures(manifest, transform, reduced) for transform in transforms]
        self.pictures: Sequence[Pictures] = self.fresh

    def __len__(self) -> int:
        return len(self.manifest)

    def __getitem__(self, draw: Draw) -> Item:
        picture = self.pictures[draw.head][draw.row]
        seed = np.random.SeedSequence([self.seed, draw.epoch, draw.number]).generate_state(1)[0]
        image = self.transforms[draw.head].finish(picture, int(seed))
        return _item(self.manifest, draw.row, image, self.weights[draw.row])


class GradedPhotos(Dataset[Item]):
    """Photos without augmentation, for validation and test: each row once.

    A head's weight is the same for all of its graded rows and averages 1 over all N, so that the mean loss over rows is
    the mean over the head's graded rows, comparable to that of training.

    Attributes:
        fresh: the pictures, decoded and transformed each time.
        pictures: the same, possibly cached.
    """

    def __init__(self, manifest: Manifest, transform: PhotoTransform) -> None:
        self.manifest = manifest
        self.transform = transform
        self.fresh = FreshPictures(manifest, transform)
        self.pictures: Pictures = self.fresh
        graded = manifest.grades != MISSING  # (N, H)
        self.weights = graded * len(manifest) / np.maximum(graded.sum(axis=0), 1)

    def __len__(self) -> int:
        return len(self.manifest)

    def __getitem__(self, row: int) -> Item:
        image = self.transform.finish(self.pictures[row], seed=0)
        return _item(self.manifest, row, image, self.weights[row])
