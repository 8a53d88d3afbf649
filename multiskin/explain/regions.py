"""Masks of conditions and skin, transformed to the network's input exactly as the photo is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from multiskin.data.images import read_image
from multiskin.data.manifest import Manifest
from multiskin.data.transforms import Preprocessing, evaluation_transform
from multiskin.errors import UserError
from multiskin.faces.step import Framing, Portrait
from multiskin.schema import MISSING, Schema

Masks = Callable[[Path, str], np.ndarray | None]  # (photo, heading) -> (h, w), 0 to 1; None if there is no mask
MASKS = "masks"  # the folder among the photos into which the renderer writes masks


class SkinMask(Protocol):
    """Detects the skin in a photo."""

    def __call__(self, portrait: Portrait, /, *, lips: bool) -> np.ndarray:
        """The skin mask (h, w), 0 to 1, of a photo; `lips` says whether they count as skin."""


@dataclass(frozen=True)
class MaskFolder:
    """Masks in files: NAME-HEADING.png for the photo NAME, in the photo's subfolder of `folder` or in `folder` itself.

    Attributes:
        folder: the folder of the masks.
        root: the folder that the subfolders of the photos are relative to.
    """

    folder: Path
    root: Path

    @classmethod
    def beside(cls, root: Path, photos: Sequence[Path], schema: Schema) -> "MaskFolder | None":
        """The masks in the folder MASKS among the photos; None if there is no such folder.

        Args:
            root: the folder of the photos.
            photos: all photos of the data set, even if only some of them are used.
            schema: the attributes that masks may show.

        Raises:
            UserError: two photos would share a mask.
        """
        folder = root / MASKS
        if not folder.is_dir():
            return None
        found = cls(folder, root)
        found.require_distinct(photos, schema)
        return found

    def require_distinct(self, photos: Sequence[Path], schema: Schema) -> None:
        """Makes sure that no mask belongs to two photos.

        Raises:
            UserError: two photos would share a mask.
        """
        owners: dict[Path, Path] = {}
        for photo, attribute in product(photos, schema):
            path = self._path(photo, attribute.heading)
            if path is not None and owners.setdefault(path, photo) != photo:
                raise UserError(
                    f"{path}: {owners[path]} and {photo} would share this mask; put masks into the same folders as "
                    f"photos, {self.folder / 'FOLDER' / f'NAME-{attribute.heading}.png'}, or give photos other names"
                )

    def __call__(self, photo: Path, heading: str) -> np.ndarray | None:
        """The mask (h, w), 0 to 1; None if there is no such file.

        Raises:
            ImageError: the file is not a readable picture.
        """
        path = self._path(photo, heading)
        return None if path is None else read_image(path)[..., 0] / np.float32(255)

    def _path(self, photo: Path, heading: str) -> Path | None:
        parent = photo.parent.relative_to(self.root) if photo.is_relative_to(self.root) else Path()
        name = f"{photo.stem}-{heading}.png"
        return next((path for path in (self.folder / parent / name, self.folder / name) if path.exists()), None)


class PhotosWithRegions(Dataset[dict[str, Tensor]]):
    """Photos with their masks of attributes and of skin.

    Every item has "image" (3, S, S); "row" (), the photo's index in the manifest; "masks" (H, S, S), 0 for attributes
    without a mask or a grade; and "skin" (2, S, S), without and with lips.

    Args:
        manifest: the photos; masks are read only for graded attributes.
        preprocessing: the preprocessing of the network.
        masks: where each attribute shows; None if unknown.
        skin: where skin is; None treats everything as skin.

    Raises:
        UserError: when an item is read, if a mask differs in size from its photo.
    """

    def __init__(
        self, manifest: Manifest, preprocessing: Preprocessing, masks: Masks | None, skin: SkinMask | None
    ) -> None:
        self.manifest = manifest
        self.masks = masks
        self.skin = skin
        self.transform = evaluation_transform(preprocessing)
        # Masks go through the photo's own transform, as pictures, so that the two cannot become misaligned.
        self.mask_transform = evaluation_transform(replace(preprocessing, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)))

    def __len__(self) -> int:
        return len(self.manifest)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        portrait = self.transform.skin.portrait(read_image(self.manifest.path(row)))
        picture, framing = self.transform.skin.view(portrait)
        masks = [self._mask(row, head, portrait.photo.shape[:2]) for head in range(len(self.manifest.schema))]
        skin = [self._skin(portrait, lips) for lips in (False, True)]
        return {
            "image": self.transform.prepare(picture, seed=0),
            "row": torch.tensor(row),
            "masks": torch.stack([self._as_input(mask, framing) for mask in masks]),
            "skin": torch.stack([self._as_input(mask, framing) for mask in skin]),
        }

    def _skin(self, portrait: Portrait, lips: bool) -> np.ndarray:
        return np.ones(portrait.photo.shape[:2]) if self.skin is None else self.skin(portrait, lips=lips)

    def _mask(self, row: int, head: int, shape: tuple[int, ...]) -> np.ndarray:
        photo, heading = self.manifest.path(row), self.manifest.schema.attributes[head].heading
        graded = self.manifest.grades[row, head] != MISSING
        mask = self.masks(photo, heading) if self.masks is not None and graded else None
        if mask is None:
            mask = np.zeros(shape)
        if mask.shape != shape:
            sizes = " and ".join(f"{height} x {width}" for height, width in (mask.shape, shape))
            raise UserError(
                f"{photo}: its mask of {heading} and the photo have {sizes} pixels; give a mask of the photo's size"
            )
        return mask

    def _as_input(self, mask: np.ndarray, framing: Framing) -> Tensor:
        """A photo's mask (h, w) transformed to the network's input (S, S)."""
        picture = np.repeat(np.rint(255 * mask).astype(np.uint8)[..., None], 3, axis=2)
        return self.mask_transform.prepare(framing(picture), seed=0)[0]
