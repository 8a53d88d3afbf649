"""Scores chunks with Ray Data: CPU processes read photos for GPU processes; without a GPU, each reads and scores."""

import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import cv2
import ray
import torch
from ray.actor import ActorHandle
from ray.data import ActorPoolStrategy, DataContext, Dataset, TaskPoolStrategy

from multiskin.collection.begun import Begun
from multiskin.collection.cluster import Scorers
from multiskin.collection.plan import Chunk, Key
from multiskin.collection.rows import to_csv
from multiskin.data.transforms import PhotoTransform
from multiskin.inference.loading import PhotoFiles
from multiskin.inference.predictor import Predictor
from multiskin.portable.results import PhotoResult, rows_of

MAX_BLOCKS = 10_000  # per stream; each costs the main process some milliseconds

Row = dict[str, Any]


@dataclass(frozen=True)
class Pipeline:
    """Scores chunks on the cluster that this process is connected to.

    Args:
        load: loads the model; called in each process that scores.
        transform: the model's transform of photos.
        home: the folder that relative names of photos start from.
        readers: the most processes that read photos, including scorers that do; None: as many as there are CPUs.
        scorers: the processes that hold the model.
    """

    load: Callable[[], Predictor]
    transform: PhotoTransform
    home: str
    readers: int | None
    scorers: Scorers

    def __call__(self, chunks: Sequence[Chunk]) -> Iterator[tuple[Key, str | None]]:
        """Yields each chunk's rows as CSV, in any order; None for a chunk that was given up since the processes died.

        Raises:
            RuntimeError: a process raised an unexpected error; the message is its traceback.
        """
        DataContext.get_current().enable_progress_bars = False
        begun = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Begun).remote()
        for row in self._dataset(chunks, begun).iter_rows():
            if row["trouble"]:
                raise RuntimeError(row["trouble"])
            yield (row["part"], row["first"]), row["csv"] or None

    def _dataset(self, chunks: Sequence[Chunk], begun: ActorHandle) -> Dataset:
        rows = [{"part": chunk.part, "first": chunk.first, "names": list(chunk.names)} for chunk in chunks]
        data = ray.data.from_items(rows, override_num_blocks=min(len(rows), MAX_BLOCKS))
        return self._in_two_stages(data, begun) if self.scorers.gpus else self._in_one_stage(data, begun, len(rows))

    def _in_two_stages(self, data: Dataset, begun: ActorHandle) -> Dataset:
        """CPUs read photos for GPUs to score; Ray slows reading down to the speed of scoring."""
        read = data.map(
            read_chunk,
            fn_args=(self.transform, self.home, begun),
            num_cpus=1,
            compute=TaskPoolStrategy(self.readers),
        )
        return read.map(
            Scorer,
            fn_constructor_args=(self.load, begun),
            num_cpus=1,
            num_gpus=self.scorers.gpus,
            compute=ActorPoolStrategy(min_size=1, max_size=self.scorers.most),
        )

    def _in_one_stage(self, data: Dataset, begun: ActorHandle, chunks: int) -> Dataset:
        """Each CPU scores the photos that it has read, so that none are sent between processes."""
        processes = min(chunks, self.scorers.most, self.readers or self.scorers.most)
        return data.map(
            ReadingScorer,
            fn_constructor_args=(self.load, self.transform, self.home, begun),
            num_cpus=1,
            # All start at once, and none takes chunks in advance that another process could score meanwhile.
            compute=ActorPoolStrategy(size=processes, max_tasks_in_flight_per_actor=1),
        )


def read_chunk(row: Row, transform: PhotoTransform, home: str, begun: ActorHandle) -> Row:
    """Reads a chunk's photos for the network: the bytes of all readable ones, and an error for each of the others."""
    nothing = {"images": b"", "errors": [], "trouble": "", "given_up": False}
    try:
        if ray.get(begun.too_often.remote("read", _place(row))):
            return row | nothing | {"given_up": True}
        cv2.setNumThreads(0)  # the processes are the parallelism
        if not all(map(os.path.isabs, row["names"])):
            os.chdir(home)
        photos = PhotoFiles(row["names"], transform)
        items = [photos[position] for position in range(len(photos))]
    except Exception:  # not a bad photo, whose error PhotoFiles returns
        return row | nothing | {"trouble": traceback.format_exc()}
    images = [item.image.numpy().tobytes() for item in items if item.image is not None]
    return row | nothing | {"images": b"".join(images), "errors": [item.error for item in items]}


class Scorer:
    """Holds the network in a process of its own."""

    def __init__(self, load: Callable[[], Predictor], begun: ActorHandle) -> None:
        self.load = load
        self.begun = begun

    @cached_property
    def predictor(self) -> Predictor:
        """The model, loaded with the first chunk, so that an error in loading is returned in that chunk's row."""
        return self.load()

    def __call__(self, row: Row) -> Row:
        """A chunk's rows as CSV, empty if it was given up; its photos are not passed on."""
        found = _place(row) | {"csv": "", "trouble": row["trouble"]}
        if row["trouble"] or row["given_up"]:
            return found
        try:
            if ray.get(self.begun.too_often.remote("score", _place(row))):
                return found
            schema, with_sets = self.predictor.schema, self.predictor.conformal is not None
            return found | {"csv": to_csv(self._results(row), schema, with_sets)}
        except Exception:  # as above
            return found | {"trouble": traceback.format_exc()}

    def _results(self, row: Row) -> Iterator[PhotoResult]:
        errors = dict(zip(row["names"], row["errors"], strict=True))
        good = [name for name in errors if not errors[name]]
        scored = dict(zip(good, rows_of(self.predictor.predict(self._images(row))), strict=True)) if good else {}
        for name, error in errors.items():
            prediction = scored.get(name)  # B = 1
            sets = None if prediction is None else self.predictor.sets(prediction)
            yield PhotoResult(name, prediction, error, sets)

    def _images(self, row: Row) -> torch.Tensor:
        size = self.predictor.preprocessing.input_size
        return torch.frombuffer(bytearray(row["images"]), dtype=torch.float32).view(-1, 3, size, size)


class ReadingScorer:
    """Reads the photos that it scores, in the same process."""

    def __init__(self, load: Callable[[], Predictor], transform: PhotoTransform, home: str, begun: ActorHandle) -> None:
        self.read = partial(read_chunk, transform=transform, home=home, begun=begun)
        self.score = Scorer(load, begun)

    def __call__(self, row: Row) -> Row:
        """A chunk's rows as CSV, empty if it was given up."""
        return self.score(self.read(row))


def _place(row: Row) -> Row:
    """The key of a chunk, without its photos."""
    return {"part": row["part"], "first": row["first"]}
