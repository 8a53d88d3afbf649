"""Reads photo files and prepares them for the network, in any process."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from torch import Tensor
from torch.utils.data import Dataset

from multiskin.data.images import ImageError, read_image
from multiskin.data.transforms import PhotoTransform


class LoadedFile(NamedTuple):
    path: str
    image: Tensor | None  # (3, S, S)
    error: str = ""


class PhotoFiles(Dataset[LoadedFile]):
    """Photos prepared for the network; an item of a file that cannot be read has the reason instead of an image."""

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
