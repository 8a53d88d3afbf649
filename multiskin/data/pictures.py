"""The pictures that a recipe's first random step receives: made each time, or once and then cached."""

from typing import Protocol

import numpy as np

from multiskin.data.images import read_image
from multiskin.data.manifest import Manifest
from multiskin.data.transforms import PhotoTransform


class Pictures(Protocol):
    """A picture (h, w, 3) uint8 for each row of a table, which the caller may write to."""

    def __getitem__(self, row: int) -> np.ndarray: ...


class FreshPictures:
    """Pictures that are decoded and transformed whenever they are asked for.

    Args:
        manifest: the photos.
        transform: the transform whose deterministic first steps are applied.
        reduced: decode JPEG photos no larger than the transform needs them.
    """

    def __init__(self, manifest: Manifest, transform: PhotoTransform, reduced: bool = False) -> None:
        self.manifest = manifest
        self.transform = transform
        self.reduced = reduced

    def __getitem__(self, row: int) -> np.ndarray:
        least = self.transform.least_size() if self.reduced else None
        return self.transform.settle(read_image(self.manifest.path(row), least))


class Store(Protocol):
    """A cache of pictures by row, which may refuse or drop any of them."""

    def get(self, row: int) -> np.ndarray | None: ...

    def put(self, row: int, picture: np.ndarray) -> None: ...


class CachedPictures:
    """Pictures that are made once and then taken from a store."""

    def __init__(self, fresh: FreshPictures, store: Store) -> None:
        self.fresh = fresh
        self.store = store

    def __getitem__(self, row: int) -> np.ndarray:
        picture = self.store.get(row)
        if picture is None:
            picture = self.fresh[row]
            self.store.put(row, picture)
        return picture
