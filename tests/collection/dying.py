"""Scores a collection while processes die; a separate program, since Ray emits warnings, which are errors in tests.

python dying.py CHECKPOINT PHOTOS OUT MARK GPUS: the process with the network dies once, and leaves the file MARK; the
processes that read a white photo die each time. Ray takes the number of GPUs on trust, and the network runs on CPUs.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch

from multiskin.collection.cluster import Cluster
from multiskin.collection.folder import CollectionFolder
from multiskin.collection.plan import Plan
from multiskin.collection.rows import row_types
from multiskin.collection.score import score_collection
from multiskin.collection.stream import Pipeline
from multiskin.inference.files import find_photos
from multiskin.inference.predictor import Prediction, Predictor


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DeadlyTransform:
    def __init__(self, predictor: Predictor) -> None:
        self.transform = predictor.transform()

    def __call__(self, photo: np.ndarray, seed: int) -> torch.Tensor:
        if photo.min() == 255:
            die()
        return self.transform(photo, seed)


@dataclass(frozen=True)
class MortalPredictor(Predictor):
    mark: Path | None = None
    before: list[int] = field(default_factory=list)

    def predict(self, images: torch.Tensor) -> Prediction:
        if self.before and not self.mark.exists():
            self.mark.touch()
            die()
        self.before.append(len(images))
        return Predictor.predict(self, images)


def load(checkpoint: str, mark: Path) -> Predictor:
    return MortalPredictor(**vars(Predictor.from_checkpoint(checkpoint, "cpu")), mark=mark)


@dataclass(frozen=True)
class PretendingCluster(Cluster):
    gpus: int = 0

    def _where(self, folder: str) -> dict[str, object]:
        return super()._where(folder) | {"num_gpus": self.gpus}


def main(checkpoint: str, photos: str, out: str, mark: str, gpus: str) -> None:
    predictor = Predictor.from_checkpoint(checkpoint, "cpu")
    folder = CollectionFolder(Path(out), Plan.of(find_photos([photos]), 10, "model"))
    types = row_types(predictor.schema, False)
    connected = partial(_connected, partial(load, checkpoint, Path(mark)), DeadlyTransform(predictor), int(gpus))
    print(*score_collection(folder, types, 4, connected, lambda *_: None))


@contextmanager
def _connected(loading: Callable[[], Predictor], transform: DeadlyTransform, gpus: int) -> Iterator[Pipeline]:
    cluster = PretendingCluster(None, 2, 200 << 20, gpus)
    with cluster.connected():
        yield Pipeline(loading, transform, os.getcwd(), 1, cluster.scorers("auto"))


if __name__ == "__main__":
    main(*sys.argv[1:])
