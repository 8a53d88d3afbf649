"""Explains photo files: the predictions of one or more models for each photo, and their maps."""

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

SHOWN = 480  # pixels of the longer side of photos as shown


class HeadExplanation(NamedTuple):
    """One head's prediction for one photo, with the map that explains it.

    Attributes:
        attribute: what the head grades.
        grade: the decision.
        score: the expected grade; NaN for a nominal attribute.
        value: the value of the explained scalar.
        map: (h, w) float32, signed: to first order, what each position would contribute to the value if the whole photo
            looked like it; the mean is the contribution of the photo.
        region: the part of the photo that the map covers.
    """

    attribute: Attribute
    grade: int
    score: float
    value: float
    map: np.ndarray
    region: Region


class Skin(NamedTuple):
    """The skin masks of a photo as shown, (h, w) float32, 0..1.

    Attributes:
        bare: the skin without lips.
        with_lips: the skin and the lips.
    """

    bare: np.ndarray
    with_lips: np.ndarray


class ExplainedPhoto(NamedTuple):
    """One photo with its explanations.

    Attributes:
        path: the path as given.
        pixels: (h, w, 3) uint8, the photo as shown.
        explanations: one dict per model, by attribute.
        skin: the skin masks; None if not asked for.
    """

    path: str
    pixels: np.ndarray
    explanations: list[dict[str, HeadExplanation]]
    skin: Skin | None = None


class UnreadPhoto(NamedTuple):
    """One photo that could not be read.

    Attributes:
        path: the path as given.
        error: the error message, which begins with the path.
    """

    path: str
    error: str

    @property
    def reason(self) -> str:
        """The message without the path, for pages that are given to others."""
        return self.error.removeprefix(f"{self.path}: ").removeprefix(f"{self.path!r}: ")


def explain_files(
    predictors: Sequence[Predictor],
    paths: Sequence[str | Path],
    scalar: Scalar = score,
    batch_size: int = 32,
    num_workers: int | None = 0,
    with_skin: bool = False,
) -> Iterator[ExplainedPhoto | UnreadPhoto]:
    """Explains photo files in order; an unreadable one yields its error and does not affect the others.

    Args:
        predictors: the models, each with its own preprocessing.
        paths: the photos.
        scalar: the quantity of each head to explain.
        batch_size: photos at a time.
        num_workers: processes that read photos.
        with_skin: whether to detect skin, too.

    Raises:
        UserError: the models see different parts of a photo (only faces or all of it), which one picture cannot show.
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
        raise UserError("--against: the models differ in data.skin.crop or detector; explain them separately")


class PreparedPhoto(NamedTuple):
    """One photo as the networks see it, and as it is shown.

    Attributes:
        path: the path as given.
        pixels: (h, w, 3) uint8, the photo as shown.
        images: (3, S, S), one per model.
        regions: the part of the shown photo that each image covers.
        framing: how the photo was cropped, the same for all models.
        skin: the skin masks; None if not asked for.
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
    """Prepares a photo for networks that all crop it in the same way.

    Args:
        photo: (h, w, 3) uint8.
        path: its path.
        transforms: one per network.
        with_skin: whether to detect skin, too.
    """
    portraits = {transform.skin.config.detector: transform.skin.portrait(photo) for transform in transforms}
    views = [transform.skin.view(portraits[transform.skin.config.detector]) for transform in transforms]
    images = [transform.prepare(picture, seed=0) for transform, (picture, _) in zip(transforms, views, strict=True)]
    framing = views[0][1]  # crops to the face if the networks see nothing else
    framed = framing(photo)
    shown = scaled(framed, SHOWN)
    regions = [region_of(transform, *framed.shape[:2]) for transform in transforms]
    skin = _skin(portraits[transforms[0].skin.config.detector], framing, shown.shape[:2]) if with_skin else None
    return PreparedPhoto(path, shown, images, regions, framing, skin)


def _skin(portrait: Portrait, framing: Framing, shape: tuple[int, ...]) -> Skin:
    """The skin masks of a photo as shown, with this height and width in pixels."""
    masks = (framing(portrait.skin(lips)) for lips in (False, True))
    return Skin(*(cv2.resize(mask, shape[::-1], interpolation=cv2.INTER_AREA) for mask in masks))


class PreparedPhotos(Dataset[PreparedPhoto | UnreadPhoto]):
    """Photo files prepared for every network and for display; an unreadable one gives an UnreadPhoto."""

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
    """The explanations of B photos from one forward pass.

    Args:
        schema: the schema of the network.
        prediction: the predictions of the pass.
        found: its maps.
        regions: the part of each of the B photos that its maps cover.
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
