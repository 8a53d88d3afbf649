"""Evaluates a network's maps on graded photos, against other methods and against baselines that ignore the photo."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch.utils.data import DataLoader, Subset

from multiskin.data.manifest import Manifest
from multiskin.data.validation import Progress
from multiskin.data.workers import one_thread, worker_count
from multiskin.explain.means import differences_of, group_means_of, means_of
from multiskin.explain.measures import Measured, Values, faithfulness, localisation, outside_skin, randomisation
from multiskin.explain.methods import BATCH_SIZE, OURS, maps_by_method
from multiskin.explain.regions import Masks, PhotosWithRegions, SkinMask
from multiskin.explain.similarity import head_similarity, mean_known
from multiskin.inference.predictor import Predictor
from multiskin.schema import MISSING, Schema

SAMPLED = 40  # photos, for measures that take many forward passes


@dataclass(frozen=True, eq=False)
class MapEvaluation:
    """All measures of the maps of every head.

    Attributes:
        schema: the heads.
        units: (N,) the unit that each photo is resampled with: its subject, or the photo itself if that is unknown.
        sampled: how many photos deletion, insertion and randomisation were measured on.
        seed: seed of the sample, the random maps, the reinitialised networks and the resamples.
        values: (N, H) by method and measure.
        means: the mean of each measure by head and method, from means_of.
        groups: the mean of some measures by group and head, from group_means_of.
        similarity: (H, H), the mean rank correlation of two heads' maps of the same photo; NaN where undefined.
    """

    schema: Schema
    units: np.ndarray
    sampled: int
    seed: int
    values: Values
    means: pd.DataFrame
    groups: pd.DataFrame
    similarity: np.ndarray

    @property
    def photos(self) -> int:
        return len(self.units)

    @property
    def subjects(self) -> int:
        return len(np.unique(self.units))

    def lead_over(self, other: "MapEvaluation") -> pd.DataFrame:
        """The mean differences between this network's own maps and another's, for the same heads on the same photos."""
        return differences_of(self.values, other.values, self.schema, self.units, self.seed)


def evaluate_maps(
    predictor: Predictor,
    photos: Manifest,
    masks: Masks | None = None,
    skin: SkinMask | None = None,
    seed: int = 0,
    sampled: int = SAMPLED,
    batch_size: int = 32,
    num_workers: int | None = None,
    progress: Progress | None = None,
) -> MapEvaluation:
    """Measures the maps of graded photos; each photo counts for the heads it is graded for.

    Args:
        predictor: the network.
        photos: photos graded for the network's heads.
        masks: where each attribute shows; without them, the measures of localisation are left out.
        skin: where skin is, with lips for the attributes that show on them; without it, outside_skin is left out.
        seed: determines everything random.
        sampled: how many photos to draw for deletion, insertion and randomisation; 0 leaves these measures out.
        batch_size: photos at a time.
        num_workers: processes that read photos.
        progress: called with (photos done, total); sampled photos count twice.

    Raises:
        UserError: a mask differs in size from its photo.
        ImageError: a photo or a mask cannot be read.
    """
    data = PhotosWithRegions(photos, predictor.preprocessing, masks, skin)
    sample = np.sort(np.random.default_rng(seed).permutation(len(photos))[:sampled])
    record = _Record(photos.grades.shape, len(photos) + len(sample), progress)
    similarity = _measure_all(predictor, data, seed, record, batch_size, worker_count(num_workers))
    if len(sample):
        _measure_sample(predictor, data, sample, seed, record, worker_count(num_workers))
    return MapEvaluation(
        photos.schema,
        photos.units,
        len(sample),
        seed,
        dict(record.values),
        means_of(record.values, photos, seed),
        group_means_of(record.values, photos, seed),
        similarity,
    )


class _Record:
    """Collects measured values and reports progress."""

    def __init__(self, shape: tuple[int, ...], steps: int, progress: Progress | None) -> None:
        self.values: Values = defaultdict(lambda: np.full(shape, np.nan))
        self.steps = steps
        self.done = 0
        self.progress = progress

    def add(self, rows: np.ndarray, measured: Iterable[Measured]) -> None:
        """Stores values (B, H) for the photos in these rows; where they are NaN, earlier values stay."""
        for method, measure, values in measured:
            known = self.values[method, measure]
            known[rows] = np.where(np.isnan(values), known[rows], values)

    def advance(self, photos: int) -> None:
        self.done += photos
        if self.progress is not None:
            self.progress(self.done, self.steps)


def _measure_all(
    predictor: Predictor, data: PhotosWithRegions, seed: int, record: _Record, batch_size: int, workers: int
) -> np.ndarray:
    """Measures where the maps of every photo lie; returns how similar those of different heads are, (H, H)."""
    similarity = []
    with_lips = np.array([attribute.lips for attribute in data.manifest.schema])
    for batch in DataLoader(data, batch_size, num_workers=workers, worker_init_fn=one_thread):
        rows = batch["row"].numpy()
        maps = maps_by_method(predictor.net, batch["image"].to(predictor.device), rows, seed)
        similarity.append(head_similarity(maps[OURS]))
        record.add(rows, localisation(maps, batch["masks"].numpy()))
        if data.skin is not None:
            graded = data.manifest.grades[rows] != MISSING
            for lips, skin in enumerate(batch["skin"].numpy().swapaxes(0, 1)):
                record.add(rows, outside_skin(maps, skin, graded & (with_lips == lips)))
        record.advance(len(rows))
    return mean_known(np.concatenate(similarity))


def _measure_sample(
    predictor: Predictor, data: PhotosWithRegions, sample: np.ndarray, seed: int, record: _Record, workers: int
) -> None:
    """Measures randomisation, deletion and insertion on a sample of the photos."""
    norm_images = None  # the first batch, on which reinitialised networks compute the statistics of their norms
    of_sample = Subset(data, sample.tolist())
    for batch in DataLoader(of_sample, BATCH_SIZE, num_workers=workers, worker_init_fn=one_thread):
        rows, images = batch["row"].numpy(), batch["image"].to(predictor.device)
        norm_images = images if norm_images is None else norm_images
        graded = data.manifest.grades[rows] != MISSING
        maps = maps_by_method(predictor.net, images, rows, seed)
        record.add(rows, randomisation(predictor.net, images, rows, maps, graded, seed, norm_images))
        grades = predictor.predict(images).grades
        for place in range(len(rows)):
            one = slice(place, place + 1)
            of_one = {method: of_method[one] for method, of_method in maps.items()}
            record.add(rows[one], faithfulness(predictor.net, images[one], of_one, grades[one], graded[one]))
            record.advance(1)
