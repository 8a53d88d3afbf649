"""Photographs in, grades out: everything that scores a picture goes through here. Needs no Lightning."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from multiskin.calibration import Calibrator
from multiskin.conformal.prediction import NO_GROUPS, ConformalSets, Groups
from multiskin.data.dataset import one_thread, worker_count
from multiskin.data.images import ImageError, read_image
from multiskin.data.transforms import PhotoTransform, Preprocessing, evaluation_transform
from multiskin.decisions import Rule, decide_heads, require_decision
from multiskin.errors import UserError
from multiskin.models.blueprint import Blueprint
from multiskin.models.checkpoint import REMEDY, read_checkpoint
from multiskin.models.skinnet import SkinNet
from multiskin.schema import Schema

NETWORK = "net."  # what the training module calls the network in a checkpoint
CALIBRATION = "calibration"  # what a checkpoint calls the calibrators, by head
CONFORMAL = "conformal"  # the promise that sets of grades keep
DECISIONS = "decisions"  # and the decisions that have taken the place of the recipes', by head


class Prediction(NamedTuple):
    """What the network says of some photos.

    Attributes:
        grades: (B, H) int64, decided.
        scores: (B, H), expected grades; NaN for nominal attributes, whose grades have no order.
        probabilities: (B, H, Kmax), calibrated where the model is, 0 beyond a head's own K.
    """

    grades: np.ndarray
    scores: np.ndarray
    probabilities: np.ndarray


class PhotoResult(NamedTuple):
    """One photo's line: a prediction with B = 1 and its sets of grades (1, H, Kmax), if any, or why there is none."""

    path: str
    prediction: Prediction | None
    error: str = ""
    sets: np.ndarray | None = None


@dataclass(frozen=True)
class Predictor:
    """A trained network with its way of preparing photographs.

    Args:
        net: in evaluation mode, on the device.
        preprocessing: how a photo becomes its input.
        device: where it runs.
        parts: in which parts of the face or body each attribute was graded in training; empty where nobody said.
        calibrators: of the heads whose probabilities are calibrated, by name.
        decisions: of the heads that decide otherwise than their recipe says, by name.
        conformal: what gives each grade a set around it that holds the true one as often as promised, if anything.
    """

    net: SkinNet
    preprocessing: Preprocessing
    device: torch.device
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    calibrators: Mapping[str, Calibrator] = field(default_factory=dict)
    decisions: Mapping[str, str] = field(default_factory=dict)
    conformal: ConformalSets | None = None

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
        content = read_checkpoint(Path(path))
        try:
            blueprint = Blueprint.from_dict(content["blueprint"])
            net = _build_net(blueprint, content["state_dict"])
            preprocessing = Preprocessing.from_dict(content["preprocessing"])
            fitted = content.get(CALIBRATION, {})  # most checkpoints are as training left them
            calibrators = {name: Calibrator.from_dict(entry) for name, entry in fitted.items()}
            decisions = dict(content.get(DECISIONS, {}))
            promised = content.get(CONFORMAL)
            conformal = None if promised is None else ConformalSets.from_dict(promised, blueprint.schema)
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise UserError(f"checkpoint {path}: damaged, or of another version ({reason}); {REMEDY}") from error
        if detector is not None:
            preprocessing = replace(preprocessing, skin=replace(preprocessing.skin, detector=detector))
        return cls(net.eval().to(place), preprocessing, place, blueprint.parts, calibrators, decisions, conformal)

    def deciding(self, decisions: Mapping[str, str]) -> "Predictor":
        """The same model with other decisions for these heads, by name.

        Raises:
            UserError: an unknown head or decision, or one that does not fit the head.
        """
        for name, decision in decisions.items():
            require_decision(decision, self.schema[name])
        return replace(self, decisions={**self.decisions, **decisions})

    def uncalibrated(self) -> "Predictor":
        """The same model with the probabilities that it was trained to give, of which nothing was promised."""
        return replace(self, calibrators={}, conformal=None)

    @torch.inference_mode()
    def predict(self, images: Tensor) -> Prediction:
        """Grades prepared images (B, 3, S, S)."""
        return self.judge(self.calibrate(self.probabilities(images)))

    @torch.inference_mode()
    def probabilities(self, images: Tensor) -> Tensor:
        """The network's own probabilities (B, H, Kmax) of prepared images (B, 3, S, S)."""
        return self.net.probabilities(self.net(images.to(self.device, non_blocking=True)).logits)

    @torch.inference_mode()
    def read(self, logits: Mapping[str, Tensor]) -> Prediction:
        """What the logits (B, *) of all heads say, of a forward pass that is done."""
        return self.judge(self.calibrate(self.net.probabilities(dict(logits))))

    @torch.inference_mode()
    def calibrate(self, probabilities: Tensor) -> Tensor:
        """The network's own probabilities (B, H, Kmax), made as sure as they deserve to be where that is known."""
        calibrated = probabilities.clone()
        for h, attribute in enumerate(self.schema):
            if attribute.name in self.calibrators:
                own = np.s_[:, h, : attribute.grades]
                calibrated[own] = self.calibrators[attribute.name](probabilities[own])
        return calibrated

    @torch.inference_mode()
    def judge(self, probabilities: Tensor) -> Prediction:
        """What calibrated probabilities (B, H, Kmax) mean, on whatever photos they rest."""
        grades = decide_heads(probabilities, self.rules())
        columns = [
            head.score(probabilities[:, h, : attribute.grades])
            if attribute.ordinal
            else torch.full_like(grades[:, h], torch.nan, dtype=probabilities.dtype)
            for h, (attribute, (_, head)) in enumerate(zip(self.schema, self.net.named_heads(), strict=True))
        ]
        scores = torch.stack(columns, dim=1)  # (B, H)
        return Prediction(grades.cpu().numpy(), scores.cpu().numpy(), probabilities.cpu().numpy())

    def sets(self, prediction: Prediction, groups: Groups = NO_GROUPS) -> np.ndarray | None:
        """Sets of grades (B, H, Kmax) that hold the true ones as often as promised; None where nothing was.

        Args:
            prediction: of photos one by one; of what is made of several together nothing was promised.
            groups: (B,) by name, of those that the promise is kept for; what is not known gets the widest sets.
        """
        if self.conformal is None:
            return None
        return self.conformal.around(prediction.grades, prediction.probabilities, groups)

    def rules(self) -> list[Rule]:
        """How each head decides: by its recipe or what was asked for, and by what its probabilities average to now."""
        return [self._rule(name, rule) for name, rule in zip(self.schema.names, self.net.rules(), strict=True)]

    def _rule(self, name: str, trained: Rule) -> Rule:
        calibrator = self.calibrators.get(name)
        prior = trained.prior if calibrator is None else trained.prior.new_tensor(calibrator.prior)
        return trained._replace(decision=self.decisions.get(name, trained.decision), prior=prior)

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
            if item.image is None:
                yield PhotoResult(item.path, None, item.error)
            else:
                prediction = next(predictions)  # B = 1
                yield PhotoResult(item.path, prediction, sets=self.sets(prediction))


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


def _build_net(blueprint: Blueprint, state: Mapping[str, Tensor]) -> SkinNet:
    net = blueprint.build()
    net.load_state_dict({key.removeprefix(NETWORK): state[key] for key in state if key.startswith(NETWORK)})
    return net
