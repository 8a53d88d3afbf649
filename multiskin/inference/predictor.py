"""Photographs in, grades out: everything that scores a picture goes through here. Needs no Lightning."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from multiskin.data.dataset import one_thread, worker_count
from multiskin.data.images import ImageError, read_image
from multiskin.data.transforms import PhotoTransform, Preprocessing, evaluation_transform
from multiskin.errors import UserError
from multiskin.models.blueprint import Blueprint
from multiskin.models.skinnet import SkinNet
from multiskin.schema import Schema

NETWORK = "net."  # what the training module calls the network in a checkpoint
REMEDY = "give a .ckpt file of a run"


class Prediction(NamedTuple):
    """What the network says of some photos.

    Attributes:
        grades: (B, H) int64, decided.
        scores: (B, H), expected grades; NaN for nominal attributes, whose grades have no order.
        probabilities: (B, H, Kmax), 0 beyond a head's own K.
    """

    grades: np.ndarray
    scores: np.ndarray
    probabilities: np.ndarray


class PhotoResult(NamedTuple):
    """One photo's line: a prediction with B = 1, or why there is none."""

    path: str
    prediction: Prediction | None
    error: str = ""


@dataclass(frozen=True)
class Predictor:
    """A trained network with its way of preparing photographs.

    Args:
        net: in evaluation mode, on the device.
        preprocessing: how a photo becomes its input.
        device: where it runs.
        parts: in which parts of the face or body each attribute was graded in training; empty where nobody said.
    """

    net: SkinNet
    preprocessing: Preprocessing
    device: torch.device
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def schema(self) -> Schema:
        return self.net.schema

    @classmethod
    def from_checkpoint(cls, path: str | Path, device: str = "auto", detector: str | None = None) -> "Predictor":
        """Loads any checkpoint of a run; where averaged weights were trained, those.

        Args:
            path: the file.
            device: its name; auto takes CUDA where there is one.
            detector: where the file that finds faces is now, if the model was trained with one.

        Raises:
            UserError: no such file, no checkpoint of multiskin, or no such device.
        """
        place = find_device(device)
        content = _read_checkpoint(Path(path))
        try:
            blueprint = Blueprint.from_dict(content["blueprint"])
            net = _build_net(blueprint, content["state_dict"])
            preprocessing = Preprocessing.from_dict(content["preprocessing"])
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise UserError(f"checkpoint {path}: damaged, or of another version ({reason}); {REMEDY}") from error
        if detector is not None:
            preprocessing = replace(preprocessing, skin=replace(preprocessing.skin, detector=detector))
        return cls(net.eval().to(place), preprocessing, place, blueprint.parts)

    @torch.inference_mode()
    def predict(self, images: Tensor) -> Prediction:
        """Grades prepared images (B, 3, S, S)."""
        return self.read(self.net(images.to(self.device, non_blocking=True)).logits)

    @torch.inference_mode()
    def read(self, logits: Mapping[str, Tensor]) -> Prediction:
        """What the logits (B, *) of all heads say, of a forward pass that is done."""
        return self.judge(self.net.probabilities(dict(logits)))

    @torch.inference_mode()
    def judge(self, probabilities: Tensor) -> Prediction:
        """What probabilities (B, H, Kmax) mean, on whatever photos they rest."""
        grades = self.net.decide(probabilities)
        columns = [
            head.score(probabilities[:, h, : attribute.grades])
            if attribute.ordinal
            else torch.full_like(grades[:, h], torch.nan, dtype=probabilities.dtype)
            for h, (attribute, (_, head)) in enumerate(zip(self.schema, self.net.named_heads(), strict=True))
        ]
        scores = torch.stack(columns, dim=1)  # (B, H)
        return Prediction(grades.cpu().numpy(), scores.cpu().numpy(), probabilities.cpu().numpy())

    def transform(self) -> PhotoTransform:
        return evaluation_transform(self.preprocessing)

    def predict_photo(self, photo: np.ndarray) -> Prediction:
        """Grades one photo (h, w, 3) uint8 RGB."""
        return self.predict(self.transform()(photo, seed=0).unsqueeze(0))

    def predict_files(
        self, paths: Sequence[str | Path], batch_size: int = 32, num_workers: int | None = 0
    ) -> Iterator[PhotoResult]:
        """Grades files in order; a bad file gives a result with its error and costs nothing else."""
        photos = PhotoFiles(paths, self.transform())
        workers = worker_count(num_workers)
        loader = DataLoader(photos, batch_size, num_workers=workers, collate_fn=list, worker_init_fn=one_thread)
        for items in loader:
            yield from self._predict_items(items)

    def _predict_items(self, items: Sequence["LoadedFile"]) -> Iterator[PhotoResult]:
        images = [item.image for item in items if item.image is not None]
        predictions = iter(_rows(self.predict(torch.stack(images)))) if images else iter(())
        for item in items:
            prediction = None if item.image is None else next(predictions)
            yield PhotoResult(item.path, prediction, item.error)


class LoadedFile(NamedTuple):
    path: str
    image: Tensor | None  # (3, S, S)
    error: str = ""


class PhotoFiles(Dataset[LoadedFile]):
    """Files prepared for the network, with the reason in place of a picture that cannot be read."""

    def __init__(self, paths: Sequence[str | Path], transform: PhotoTransform) -> None:
        self.paths = [str(path) for path in paths]
        self.transform = transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> LoadedFile:
        path = self.paths[index]
        try:
            return LoadedFile(path, self.transform(read_image(path), seed=0))
        except ImageError as error:
            return LoadedFile(path, None, str(error))


def _rows(prediction: Prediction) -> Iterator[Prediction]:
    for row in range(len(prediction.grades)):
        yield Prediction(*(values[row : row + 1] for values in prediction))


def find_device(name: str) -> torch.device:
    """The device of that name; auto is CUDA where there is one.

    Raises:
        UserError: a device that torch does not know or see.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"device {name!r}: not to be had here; give auto, cpu or cuda") from error


def _read_checkpoint(path: Path) -> dict[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"checkpoint {path}: {error.strerror or error}; {REMEDY}") from error
    except Exception as error:  # on other files torch's unpickler raises nearly every kind there is
        raise UserError(f"checkpoint {path}: not readable ({type(error).__name__}); {REMEDY}") from error
    if not isinstance(content, dict) or not {"blueprint", "preprocessing", "state_dict"} <= content.keys():
        raise UserError(f"checkpoint {path}: not one of multiskin's; {REMEDY}")
    return content


def _build_net(blueprint: Blueprint, state: Mapping[str, Tensor]) -> SkinNet:
    net = blueprint.build()
    net.load_state_dict({key.removeprefix(NETWORK): state[key] for key in state if key.startswith(NETWORK)})
    return net
