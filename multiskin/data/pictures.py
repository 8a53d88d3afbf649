"""The pictures that a recipe's first random step begins with: made anew each time, or once and kept."""

from typing import Protocol

import numpy as np

from multiskin.data.images import read_image
from multiskin.data.manifest import Manifest
from multiskin.data.transforms import PhotoTransform


class Pictures(Protocol):
    """A picture (h, w, 3) uint8 for each row of a table, which the caller may write to."""

    def __getitem__(self, row: int) -> np.ndarray: ...


class FreshPictures:
    """Decoded and settled whenever they are asked for.

    Args:
        manifest: the photos.
        transform: whose settled part is done.
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
    """May keep pictures by row; what it does not have, or no longer has, is made anew."""

    def get(self, row: int) -> np.ndarray | None: ...

    def put(self, row: int, picture: np.ndarray) -> None: ...


class KeptPictures:
    """Made once, and then taken from a store."""

    def __init__(self, fresh: FreshPictures, store: Store) -> None:
        self.fresh = fresh
        self.store = store

    def __getitem__(self, row: int) -> np.ndarray:
        picture = self.store.get(row)
        if picture is None:
            picture = self.fresh[row]
            self.store.put(row, picture)
        return picture
