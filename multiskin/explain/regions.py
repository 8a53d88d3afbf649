"""Where conditions and skin lie in a photo, brought to the network's input the very way that the photo is."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from multiskin.data.images import read_image
from multiskin.data.manifest import Manifest
from multiskin.data.transforms import Preprocessing, evaluation_transform
from multiskin.errors import UserError
from multiskin.faces.step import Framing
from multiskin.schema import MISSING

Masks = Callable[[Path, str], np.ndarray | None]  # (photo, heading) -> (h, w), 0 to 1; None where nobody drew one
SkinMask = Callable[[np.ndarray], np.ndarray]  # photo (h, w, 3) uint8 -> (h, w), 0 to 1


@dataclass(frozen=True)
class MaskFolder:
    """The masks that the renderer leaves beside its photos: NAME-HEADING.png for the photo NAME."""

    folder: Path

    def __call__(self, photo: Path, heading: str) -> np.ndarray | None:
        """The mask (h, w), 0 to 1; None where there is no such file.

        Raises:
            ImageError: a file that is no picture.
        """
        path = self.folder / f"{photo.stem}-{heading}.png"
        return read_image(path)[..., 0] / np.float32(255) if path.exists() else None


class PhotosWithRegions(Dataset[dict[str, Tensor]]):
    """Photos with what is known of where to look.

    Every item has "image" (3, S, S), "row" () the position in the manifest, "masks" (H, S, S), 0 of what is not drawn
    or not graded, and "skin" (S, S), 1 where nobody looks for it.

    Args:
        manifest: the photos; of a mask only graded attributes are asked.
        preprocessing: the network's.
        masks: where each attribute shows; None where nobody knows.
        skin: where skin is; None to take all for skin.

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
        photo = read_image(self.manifest.path(row))
        framing, heads = self.transform.skin.framing(photo), range(len(self.manifest.schema))
        skin = np.ones(photo.shape[:2]) if self.skin is None else self.skin(photo)
        return {
            "image": self.transform(photo, seed=0),
            "row": torch.tensor(row),
            "masks": torch.stack([self._as_seen(self._mask(row, head, photo.shape[:2]), framing) for head in heads]),
            "skin": self._as_seen(skin, framing),
        }

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
