"""Photographs in, maps out: what one or more models predict for a photo, and where in it they see that."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from multiskin.config import SkinConfig
from multiskin.data.images import ImageError, read_image
from multiskin.data.transforms import PhotoTransform
from multiskin.data.workers import one_thread, worker_count
from multiskin.errors import UserError
from multiskin.explain.cam import HeadMaps, head_maps
from multiskin.explain.geometry import Region, region_of
from multiskin.explain.scalars import Scalar, score
from multiskin.faces.step import Framing, Portrait
from multiskin.inference.predictor import Prediction, Predictor
from multiskin.schema import Attribute, Schema

SHOWN = 480  # pixels of a shown photo's longer side


class HeadExplanation(NamedTuple):
    """What one head predicts for one photo, and where it sees that.

    Attributes:
        attribute: the head's.
        grade: decided.
        score: the expected grade; NaN for a nominal attribute.
        value: of the scalar that is explained.
        map: (h, w) float32, signed: what each place would add to the value if the whole photo looked like it, to first
            order, so that the mean is what the photo adds.
        region: what of the photo it is a map of.
    """

    attribute: Attribute
    grade: int
    score: float
    value: float
    map: np.ndarray
    region: Region


class Skin(NamedTuple):
    """Where skin is in a photo as it is shown, (h, w) float32, 0..1.

    Attributes:
        bare: without lips.
        with_lips: with them.
    """

    bare: np.ndarray
    with_lips: np.ndarray


class ExplainedPhoto(NamedTuple):
    """One photo with its explanations.

    Attributes:
        path: as given.
        pixels: (h, w, 3) uint8, scaled to be shown.
        explanations: by attribute, one such dict per model.
        skin: where it is; None if not asked for.
    """

    path: str
    pixels: np.ndarray
    explanations: list[dict[str, HeadExplanation]]
    skin: Skin | None = None


class UnreadPhoto(NamedTuple):
    """One photo that could not be read, and why.

    Attributes:
        path: as given.
        error: the message, which begins with the path.
    """

    path: str
    error: str

    @property
    def reason(self) -> str:
        """The message without the path, for a page that goes to others."""
        return self.error.removeprefix(f"{self.path}: ").removeprefix(f"{self.path!r}: ")


def explain_files(
    predictors: Sequence[Predictor],
    paths: Sequence[str | Path],
    scalar: Scalar = score,
    batch_size: int = 32,
    num_workers: int | None = 0,
    with_skin: bool = False,
) -> Iterator[ExplainedPhoto | UnreadPhoto]:
    """Explains files in order; a bad file gives its error and does not affect the others.

    Args:
        predictors: the models, each with its own way of preparing photos.
        paths: the photos.
        scalar: what is explained for each head.
        batch_size: photos at once.
        num_workers: processes that read photos.
        with_skin: look for skin, too.

    Raises:
        UserError: some models see only faces and others whole photos, which one picture cannot show together.
    """
    _require_same_view([predictor.preprocessing.skin for predictor in predictors])
    photos = PreparedPhotos(paths, [predictor.transform() for predictor in predictors], with_skin)
    workers = worker_count(num_workers)
    loader = DataLoader(photos, batch_size, num_workers=workers, collate_fn=list, worker_init_fn=one_thread)
    for items in loader:
        prepared = [item for item in items if isinstance(item, PreparedPhoto)]
        by_model = [_explain(predictor, prepared, model, scalar) for model, predictor in enumerate(predictors)]
        explanations = zip(*by_model, strict=True)
        for item in items:
            if isinstance(item, PreparedPhoto):
                yield ExplainedPhoto(item.path, item.pixels, list(next(explanations)), item.skin)
            else:
                yield item


def _require_same_view(steps: Sequence[SkinConfig]) -> None:
    if len({(step.crop, step.detector if step.crop else None) for step in steps}) > 1:
        raise UserError("--against: the models differ in data.skin.crop or detector; explain each by itself")


class PreparedPhoto(NamedTuple):
    """One photo as networks see it, and as it is shown.

    Attributes:
        path: as given.
        pixels: (h, w, 3) uint8, as shown.
        images: (3, S, S), one per model.
        regions: which part of the photo each of them is.
        framing: how the photo was cut, the same for all models.
        skin: where it is; None if not asked for.
    """

    path: str
    pixels: np.ndarray
    images: list[Tensor]
    regions: list[Region]
    framing: Framing
    skin: Skin | None = None


def prepare(
    photo: np.ndarray, path: str, transforms: Sequence[PhotoTransform], with_skin: bool = False
) -> PreparedPhoto:
    """Prepares a photo for networks that all see the same of it.

    Args:
        photo: (h, w, 3) uint8.
        path: what it is called.
        transforms: one per network.
        with_skin: look for skin, too.
    """
    portraits = {transform.skin.config.detector: transform.skin.portrait(photo) for transform in transforms}
    views = [transform.skin.view(portraits[transform.skin.config.detector]) for transform in transforms]
    images = [transform.prepare(picture, seed=0) for transform, (picture, _) in zip(transforms, views, strict=True)]
    framing = views[0][1]  # to the face alone, where networks see no more
    framed = framing(photo)
    shown = scaled(framed, SHOWN)
    regions = [region_of(transform, *framed.shape[:2]) for transform in transforms]
    skin = _skin(portraits[transforms[0].skin.config.detector], framing, shown.shape[:2]) if with_skin else None
    return PreparedPhoto(path, shown, images, regions, framing, skin)


def _skin(portrait: Portrait, framing: Framing, shape: tuple[int, ...]) -> Skin:
    """The skin of a photo as it is shown, at this size in pixels."""
    masks = (framing(portrait.skin(lips)) for lips in (False, True))
    return Skin(*(cv2.resize(mask, shape[::-1], interpolation=cv2.INTER_AREA) for mask in masks))


class PreparedPhotos(Dataset[PreparedPhoto | UnreadPhoto]):
    """Files prepared for every network and to be shown, with the reason in place of a photo that cannot be read."""

    def __init__(self, paths: Sequence[str | Path], transforms: Sequence[PhotoTransform], with_skin: bool) -> None:
        self.paths = [str(path) for path in paths]
        self.transforms = transforms
        self.with_skin = with_skin

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> PreparedPhoto | UnreadPhoto:
        path = self.paths[index]
        try:
            photo = read_image(path)
        except ImageError as error:
            return UnreadPhoto(path, str(error))
        return prepare(photo, path, self.transforms, self.with_skin)


def scaled(photo: np.ndarray, longer: int) -> np.ndarray:
    """A photo (h, w, 3) uint8 with its longer side scaled to this many pixels."""
    height, width = photo.shape[:2]
    sides = [max(1, round(side * longer / max(height, width))) for side in (width, height)]
    return np.asarray(Image.fromarray(photo).resize((sides[0], sides[1]), Image.Resampling.LANCZOS))


def _explain(
    predictor: Predictor, photos: Sequence[PreparedPhoto], model: int, scalar: Scalar
) -> Iterator[dict[str, HeadExplanation]]:
    if not photos:
        return
    images = torch.stack([photo.images[model] for photo in photos])
    found = head_maps(predictor.net, images.to(predictor.device), scalar)
    regions = [photo.regions[model] for photo in photos]
    yield from explanations(predictor.schema, predictor.predict_logits(found.output.logits), found, regions)


def explanations(
    schema: Schema, prediction: Prediction, found: HeadMaps, regions: Sequence[Region]
) -> Iterator[dict[str, HeadExplanation]]:
    """The explanations from a forward pass on B photos, photo by photo.

    Args:
        schema: the network's.
        prediction: of the pass.
        found: its maps.
        regions: (B), what of each photo they are maps of.
    """
    grades, scores, _ = prediction  # (B, H) each
    values = found.scalars.cpu().numpy()  # (B, H)
    maps = (found.maps * found.maps.shape[-2] * found.maps.shape[-1]).cpu().numpy()  # (B, H, h, w)
    for b, region in enumerate(regions):
        yield {
            attribute.name: HeadExplanation(
                attribute, int(grades[b, h]), float(scores[b, h]), float(values[b, h]), maps[b, h], region
            )
            for h, attribute in enumerate(schema)
        }
