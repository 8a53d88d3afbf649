"""Evaluates face detection, and compares the skin mask with manually placed landmarks.

    python benchmarks/skin_mask.py FOLDER --without PHOTOS --detector yunet.onnx

FOLDER contains faces.csv and landmarks.json as in `multiskin data render --faces`, here of the Face Research Lab London
Set. The reference mask is the face outline without eyes, brows, nostrils and lips. It wrongly includes beards and hair
over the face, which the skin mask excludes. The evaluation is optimistic: the average face that the skin mask starts
from is the mean of these same landmarks, and its few settings were chosen on these faces.
"""

import argparse
import platform
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from seeds import RESAMPLES, RESULTS, commit

from multiskin.data.images import SUFFIXES, read_image
from multiskin.data.render.faces import Face, load_faces
from multiskin.data.render.faces import landmarks as marks
from multiskin.data.render.tones import TONES
from multiskin.faces import find_faces, skin_mask
from multiskin.metrics.bootstrap import interval, unit_weights
from multiskin.run import write_json

MEASURES = ("iou", "recall", "outside_face", "on_features")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder with faces.csv, landmarks.json and their photos")
    parser.add_argument("--without", type=Path, help="folder of photos without a face")
    parser.add_argument("--most", type=int, default=1000, help="number of those photos, evenly spaced; default: 1000")
    parser.add_argument("--detector", action="append", default=[None], help="another detector than MTCNN; repeatable")
    args, checked_out = parser.parse_args(), commit()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    people = pd.read_csv(args.folder / "faces.csv")
    photos = {True: [args.folder / name for name in people["image"]], False: evenly(args.without, args.most)}
    detection = [detect(detector, photos) for detector in args.detector]
    groups = dict(zip(people["subject"].astype(str), people["ethnicity"], strict=True))
    table = pd.DataFrame(overlap(load_faces(args.folder), groups))
    table.to_csv(RESULTS / "skin_mask.csv", index=False, float_format="%.4f")
    print(pd.DataFrame(detection).to_string(index=False), table.to_string(index=False, float_format="%.3f"), sep="\n\n")
    write_json(RESULTS / "skin_mask.json", {"detection": detection} | provenance(args.most, checked_out))


def evenly(folder: Path | None, most: int) -> list[Path]:
    """At most this many photos of a folder, evenly spaced in order of name; none without a folder."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES) if folder else []
    return [paths[i] for i in np.linspace(0, len(paths) - 1, min(most, len(paths)), dtype=int)]


def detect(detector: str | None, photos: dict[bool, list[Path]]) -> dict[str, object]:
    """In how many photos of a face, and of none, a detector finds faces, and its median CPU time."""
    found: dict[bool, list[int]] = {}
    spent = []
    for shown, paths in photos.items():
        found[shown] = []
        for path in paths:
            pixels, start = read_image(path), time.process_time()
            found[shown].append(len(find_faces(pixels, detector)))
            spent.append(time.process_time() - start)
    return {
        "detector": "mtcnn" if detector is None else Path(detector).name,
        "photos_of_a_face": len(found[True]),
        "found": sum(number > 0 for number in found[True]),
        "found_more_than_one": sum(number > 1 for number in found[True]),
        "photos_without_face": len(found[False]),
        "found_without_face": sum(number > 0 for number in found[False]),
        "median_cpu_milliseconds": round(1000 * float(np.median(spent)), 1),
    }


def overlap(faces: Sequence[Face], groups: dict[str, str]) -> list[dict[str, object]]:
    """One row for all faces, each ethnicity and each tone, without and with lips as skin."""
    rows = []
    for lips in (False, True):
        measured = pd.DataFrame([measure(face, lips) for face in faces], columns=MEASURES)
        subjects = np.array([face.subject for face in faces])
        ethnicities = np.array([groups[subject] for subject in subjects])
        tones = np.array([TONES[face.tone] for face in faces])
        rows.append(line("all", lips, measured, subjects))
        for kind, values in (("ethnicity", ethnicities), ("tone", tones)):
            for value in np.unique(values):
                chosen = values == value
                rows.append(line(f"{kind} {value}", lips, measured[chosen], subjects[chosen]))
    return rows


def measure(face: Face, lips: bool) -> list[float]:
    """The MEASURES of one photo; the mask is empty if no face is found."""
    photo = read_image(face.image)
    found = find_faces(photo)
    mask = skin_mask(photo, found[0], lips) > 0.5 if found else np.zeros(photo.shape[:2], bool)
    outline, skin = reference_masks(face, photo.shape[:2], lips)
    whole = max(mask.sum(), 1)
    return [
        (mask & skin).sum() / (mask | skin).sum(),
        (mask & skin).sum() / skin.sum(),
        (mask & ~outline).sum() / whole,
        (mask & outline & ~skin).sum() / whole,
    ]


def reference_masks(face: Face, shape: tuple[int, int], lips: bool) -> tuple[np.ndarray, np.ndarray]:
    """The reference masks (h, w) of the face and of its skin, drawn from the landmarks."""
    outline = filled_polygon(face, shape, marks.OUTLINE)
    features = (*marks.EYES, *marks.BROWS, *marks.NOSTRILS, marks.MOUTH if lips else marks.LIPS)
    return outline, outline & ~np.any([filled_polygon(face, shape, feature) for feature in features], axis=0)


def filled_polygon(face: Face, shape: tuple[int, int], numbers: Sequence[int]) -> np.ndarray:
    points = np.rint([face.landmarks[number] for number in numbers]).astype(np.int32)
    return cv2.fillPoly(np.zeros(shape, np.uint8), [points], 1) > 0


def line(group: str, lips: bool, measured: pd.DataFrame, subjects: np.ndarray) -> dict[str, object]:
    """The means over a group's subjects, with intervals."""
    subject_means = measured.groupby(subjects).mean()
    weights = np.concatenate([*unit_weights(len(subject_means), RESAMPLES, seed=0)])  # (1 + R, subjects)
    row: dict[str, object] = {"group": group, "lips": lips, "subjects": len(subject_means)}
    for name in MEASURES:
        value, low, high = interval(weights @ subject_means[name].to_numpy() / len(subject_means))
        row |= {name: value, f"{name}_low": low, f"{name}_high": high}
    return row


def provenance(most: int, checked_out: str) -> dict[str, object]:
    """What is needed to reproduce the numbers."""
    return {
        "command": f"python benchmarks/skin_mask.py FOLDER --without PHOTOS --most {most} --detector yunet.onnx",
        "data": "Face Research Lab London Set (DeBruine and Jones 2017, CC BY 4.0); without a face: ISIC 2017",
        "interval": f"95 %, {RESAMPLES} resamples of subjects, of the mean",
        "machine": f"{platform.machine()}, threads: 1, no GPU",
        "versions": {name: version(name) for name in ("mtcnn", "opencv-python-headless", "numpy", "torch")},
        "commit": checked_out,
    }


if __name__ == "__main__":
    main()
