"""Maps the network's input back to the photo; the steps of evaluation transforms only resize, crop or pad."""

from typing import NamedTuple

import numpy as np

from multiskin.data.transforms import PhotoTransform


class Box(NamedTuple):
    """A part of a photo, as shares of its width and height."""

    left: float
    top: float
    right: float
    bottom: float


class Region(NamedTuple):
    """The part of a photo that a network sees.

    Attributes:
        frame: the area that becomes the whole input; extends beyond `seen` where the input is padded.
        seen: the part of the photo in the input, without padding.
    """

    frame: Box
    seen: Box


WHOLE = Region(Box(0, 0, 1, 1), Box(0, 0, 1, 1))


def region_of(transform: PhotoTransform, height: int, width: int) -> Region:
    """The region of a photo of this size in pixels that an evaluation transform shows."""
    size = np.array([width, height])  # of the picture between two steps, in its own pixels
    photo = np.array([[0.0, 0.0], size])  # two corners (x, y), in pixels of the photo
    frame = seen = photo  # of the picture between two steps, in pixels of the photo
    for step in transform.compose.transforms:
        parameters = step.get_params_dependent_on_data({"shape": (*size[::-1].tolist(), 3)}, {})
        if "crop_coords" in parameters:
            padding = parameters["pad_params"] or {"pad_left": 0, "pad_top": 0}
            cut = np.reshape(parameters["crop_coords"], (2, 2)) - [padding["pad_left"], padding["pad_top"]]
            frame, size = frame[0] + cut * (frame[1] - frame[0]) / size, cut[1] - cut[0]
            seen = np.clip(seen, *frame)
        elif hasattr(step, "height"):  # Resize, which may change the aspect ratio
            size = np.array([step.width, step.height])
    return Region(*(Box(*(corners / photo[1]).ravel().tolist()) for corners in (frame, seen)))


def on_photo(maps: np.ndarray, region: Region, height: int, width: int) -> np.ndarray:
    """Maps of the input, interpolated bilinearly at the photo's pixels.

    Args:
        maps: (..., h, w), covering the frame of the region.
        region: the part of the photo that they are maps of.
        height: height of the result in pixels; the photo may be shown smaller or larger than it is.
        width: width, likewise.

    Returns:
        (..., height, width) float32, NaN outside what the network sees.
    """
    frame, seen = region
    rows = _interpolation(maps.shape[-2], (frame.top, frame.bottom), (seen.top, seen.bottom), height)  # (height, h)
    columns = _interpolation(maps.shape[-1], (frame.left, frame.right), (seen.left, seen.right), width)  # (width, w)
    return rows @ maps.astype(np.float32) @ columns.T


def _interpolation(cells: int, frame: tuple[float, float], seen: tuple[float, float], pixels: int) -> np.ndarray:
    """(pixels, cells): the weight of each cell at each pixel along one side; NaN outside what is seen."""
    place = (np.arange(pixels) + 0.5) / pixels  # centres of the pixels, as shares of the photo
    position = (place - frame[0]) / (frame[1] - frame[0]) * cells - 0.5  # 0 is the centre of the first cell
    inner = np.clip(position, 0, cells - 1)  # constant between the outermost centres and the edges
    weights = np.maximum(1 - np.abs(inner[:, None] - np.arange(cells)), 0)
    weights[(place < seen[0]) | (place > seen[1])] = np.nan
    return weights.astype(np.float32)
