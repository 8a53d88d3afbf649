"""From the network's input back to the photo: every step of an evaluation transform squashes, cuts or pads, no more."""

from typing import NamedTuple

import numpy as np

from multiskin.data.transforms import PhotoTransform


class Box(NamedTuple):
    """Part of a photo, in shares of its width and height."""

    left: float
    top: float
    right: float
    bottom: float


class Region(NamedTuple):
    """What a network looks at.

    Attributes:
        frame: what becomes its whole input; reaches beyond `seen` where that is padded.
        seen: the part of the photo that it sees, without padding.
    """

    frame: Box
    seen: Box


WHOLE = Region(Box(0, 0, 1, 1), Box(0, 0, 1, 1))


def region_of(transform: PhotoTransform, height: int, width: int) -> Region:
    """What an evaluation transform shows of a photo of this many pixels."""
    size = np.array([width, height])  # of the picture between two steps, its own pixels
    photo = np.array([[0.0, 0.0], size])  # corners (x, y), pixels of the photo
    frame = seen = photo  # of the picture between two steps, likewise
    for step in transform.compose.transforms:
        drawn = step.get_params_dependent_on_data({"shape": (*size[::-1].tolist(), 3)}, {})
        if "crop_coords" in drawn:
            padding = drawn["pad_params"] or {"pad_left": 0, "pad_top": 0}
            cut = np.reshape(drawn["crop_coords"], (2, 2)) - [padding["pad_left"], padding["pad_top"]]
            frame, size = frame[0] + cut * (frame[1] - frame[0]) / size, cut[1] - cut[0]
            seen = np.clip(seen, *frame)
        elif hasattr(step, "height"):  # Resize, which squashes whatever there is
            size = np.array([step.width, step.height])
    return Region(*(Box(*(corners / photo[1]).ravel().tolist()) for corners in (frame, seen)))


def on_photo(maps: np.ndarray, region: Region, height: int, width: int) -> np.ndarray:
    """Maps of the input, smoothly interpolated at a photo's pixels.

    Args:
        maps: (..., h, w), whose outer edges are those of the frame.
        region: what of the photo they are maps of.
        height: of the result, pixels; the photo may have been made smaller or larger.
        width: likewise.

    Returns:
        (..., height, width) float32, NaN where the network sees nothing.
    """
    frame, seen = region
    rows = _interpolation(maps.shape[-2], (frame.top, frame.bottom), (seen.top, seen.bottom), height)  # (height, h)
    columns = _interpolation(maps.shape[-1], (frame.left, frame.right), (seen.left, seen.right), width)  # (width, w)
    return rows @ maps.astype(np.float32) @ columns.T


def _interpolation(cells: int, frame: tuple[float, float], seen: tuple[float, float], pixels: int) -> np.ndarray:
    """(pixels, cells): how much each cell counts at each pixel along one side; NaN where nothing is seen."""
    place = (np.arange(pixels) + 0.5) / pixels  # of the pixels' centres, in shares of the photo
    position = (place - frame[0]) / (frame[1] - frame[0]) * cells - 0.5  # 0 is the first cell's centre
    inner = np.clip(position, 0, cells - 1)  # from the outermost centres to the edge nothing changes
    weights = np.maximum(1 - np.abs(inner[:, None] - np.arange(cells)), 0)
    weights[(place < seen[0]) | (place > seen[1])] = np.nan
    return weights.astype(np.float32)
