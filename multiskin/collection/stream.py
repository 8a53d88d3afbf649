"""Ray Data's part: processes that read photos feed those with a GPU; where there is none, each reads and scores."""

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

MOST_BLOCKS = 10_000  # per stream: each costs the first process some milliseconds

Row = dict[str, Any]


@dataclass(frozen=True)
class Pipeline:
    """Scores chunks on the cluster that this process is connected to.

    Args:
        load: returns the model, in each process that holds it.
        transform: its way of preparing photos.
        home: the folder that relative names of photos start from.
        readers: most processes that read photos, by themselves or as scorers; None for as many as there are CPUs.
        scorers: processes that hold the model.
    """

    load: Callable[[], Predictor]
    transform: PhotoTransform
    home: str
    readers: int | None
    scorers: Scorers

    def __call__(self, chunks: Sequence[Chunk]) -> Iterator[tuple[Key, str | None]]:
        """Each chunk's rows as CSV, in any order; None for one that processes died of again and again.

        Raises:
            RuntimeError: the fault is not in the photos or the machines; with that process's traceback.
        """
        DataContext.get_current().enable_progress_bars = False
        begun = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Begun).remote()
        for row in self._dataset(chunks, begun).iter_rows():
            if row["trouble"]:
                raise RuntimeError(row["trouble"])
            yield (row["part"], row["first"]), row["csv"] or None

    def _dataset(self, chunks: Sequence[Chunk], begun: ActorHandle) -> Dataset:
        rows = [{"part": chunk.part, "first": chunk.first, "names": list(chunk.names)} for chunk in chunks]
        data = ray.data.from_items(rows, override_num_blocks=min(len(rows), MOST_BLOCKS))
        return self._in_two(data, begun) if self.scorers.gpus else self._in_one(data, begun, len(rows))

    def _in_two(self, data: Dataset, begun: ActorHandle) -> Dataset:
        """CPUs read what GPUs score, no faster than the GPUs can take it."""
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

    def _in_one(self, data: Dataset, begun: ActorHandle, chunks: int) -> Dataset:
        """Each CPU scores what it has read: none waits for another, and no photo is sent."""
        processes = min(chunks, self.scorers.most, self.readers or self.scorers.most)
        return data.map(
            ReadingScorer,
            fn_constructor_args=(self.load, self.transform, self.home, begun),
            num_cpus=1,
            # All begin at once, and none takes chunks in advance that another could do meanwhile.
            compute=ActorPoolStrategy(size=processes, max_tasks_in_flight_per_actor=1),
        )


def read_chunk(row: Row, transform: PhotoTransform, home: str, begun: ActorHandle) -> Row:
    """A chunk's photos as the network takes them: the bytes of those that could be read, and why others could not."""
    nothing = {"images": b"", "errors": [], "trouble": "", "given_up": False}
    try:
        if ray.get(begun.too_often.remote("read", _place(row))):
            return row | nothing | {"given_up": True}
        cv2.setNumThreads(0)  # the processes are the parallelism
        if not all(map(os.path.isabs, row["names"])):
            os.chdir(home)
        photos = PhotoFiles(row["names"], transform)
        items = [photos[position] for position in range(len(photos))]
    except Exception:  # certainly not the photo's fault
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
        """The model, loaded for the first chunk, whose row then says what is wrong with it on this machine."""
        return self.load()

    def __call__(self, row: Row) -> Row:
        """A chunk's rows as CSV, none where it is given up; its photos are not passed on."""
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
        """A chunk's rows as CSV, none where it is given up."""
        return self.score(self.read(row))


def _place(row: Row) -> Row:
    """Which chunk it is, without its photos."""
    return {"part": row["part"], "first": row["first"]}
