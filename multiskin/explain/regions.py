"""Where conditions and skin lie in a photo, brought to the network's input the very way that the photo is."""

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

Masks = Callable[[Path, str], np.ndarray | None]  # (photo, heading) -> (h, w), 0 to 1; None where nobody drew one
MASKS = "masks"  # the folder beside the photos in which the renderer leaves them


class SkinMask(Protocol):
    """Where skin is."""

    def __call__(self, portrait: Portrait, /, *, lips: bool) -> np.ndarray:
        """A photo of (h, w) pixels to (h, w), 0 to 1; whether lips are skin."""


@dataclass(frozen=True)
class MaskFolder:
    """Masks as files: NAME-HEADING.png for the photo NAME, in the photo's folder below `folder` or in `folder` itself.

    Attributes:
        folder: the masks'.
        root: the folder that the photos' folders are counted from.
    """

    folder: Path
    root: Path

    @classmethod
    def beside(cls, root: Path, photos: Sequence[Path], schema: Schema) -> "MaskFolder | None":
        """The masks in the folder of that name among photos; None where there is none.

        Args:
            root: the photos' folder.
            photos: all of a set, whichever of them are used.
            schema: the attributes that masks may show.

        Raises:
            UserError: a mask that two photos would share.
        """
        folder = root / MASKS
        if not folder.is_dir():
            return None
        found = cls(folder, root)
        found.require_distinct(photos, schema)
        return found

    def require_distinct(self, photos: Sequence[Path], schema: Schema) -> None:
        """Makes sure that no mask is found for two photos.

        Raises:
            UserError: it is.
        """
        owners: dict[Path, Path] = {}
        for photo, attribute in product(photos, schema):
            path = self._path(photo, attribute.heading)
            if path is not None and owners.setdefault(path, photo) != photo:
                raise UserError(
                    f"{path}: {owners[path]} and {photo} would share this mask; put masks into folders as the photos "
                    f"are, {self.folder / 'FOLDER' / f'NAME-{attribute.heading}.png'}, or give photos different names"
                )

    def __call__(self, photo: Path, heading: str) -> np.ndarray | None:
        """The mask (h, w), 0 to 1; None where there is no such file.

        Raises:
            ImageError: a file that is no picture.
        """
        path = self._path(photo, heading)
        return None if path is None else read_image(path)[..., 0] / np.float32(255)

    def _path(self, photo: Path, heading: str) -> Path | None:
        parent = photo.parent.relative_to(self.root) if photo.is_relative_to(self.root) else Path()
        name = f"{photo.stem}-{heading}.png"
        return next((path for path in (self.folder / parent / name, self.folder / name) if path.exists()), None)


class PhotosWithRegions(Dataset[dict[str, Tensor]]):
    """Photos with what is known about where to look.

    Every item has "image" (3, S, S), "row" () the position in the manifest, "masks" (H, S, S), 0 of what is not drawn
    or not graded, and "skin" (2, S, S), without lips and with them, 1 where nobody looks for it.

    Args:
        manifest: the photos; of a mask only graded attributes are asked.
        preprocessing: the network's.
        masks: where each attribute shows; None where nobody knows.
        skin: where skin is; None to treat everything as skin.

    Raises:
        UserError: at a photo whose mask is not of its size.
    """

    def __init__(
        self, manifest: Manifest, preprocessing: Preprocessing, masks: Masks | None, skin: SkinMask | None
    ) -> None:
        self.manifest = manifest
        self.masks = masks
        self.skin = skin
        self.transform = evaluation_transform(preprocessing)
        # A mask takes the photo's own way, as a picture, so that it cannot come to lie elsewhere.
        self.plain = evaluation_transform(replace(preprocessing, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)))

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
            "masks": torch.stack([self._as_seen(mask, framing) for mask in masks]),
            "skin": torch.stack([self._as_seen(mask, framing) for mask in skin]),
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
                f"{photo}: its mask of {heading} and itself have {sizes} pixels; give it one of its own size"
            )
        return mask

    def _as_seen(self, mask: np.ndarray, framing: Framing) -> Tensor:
        """A photo's mask (h, w) on the network's input (S, S)."""
        picture = np.repeat(np.rint(255 * mask).astype(np.uint8)[..., None], 3, axis=2)
        return self.plain.prepare(framing(picture), seed=0)[0]
