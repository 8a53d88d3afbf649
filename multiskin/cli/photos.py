"""The photos that a command's settings name, checked, and drawn first if need be."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from multiskin.cli.terminal import progress, warn
from multiskin.errors import UserError

if TYPE_CHECKING:
    from multiskin.config import FitConfig
    from multiskin.data.photos import Photos
    from multiskin.data.render.faces import Face
    from multiskin.schema import Schema


def checked_photos(config: "FitConfig", schema: "Schema") -> "Photos":
    """The checked photos; what need not stop a command is said."""
    from multiskin.data.photos import load_photos

    with progress("checking photos") as advance:
        try:
            photos = load_photos(config.data, schema, advance)
        except UserError as error:
            if config.data.render is None:
                raise
            remedy = f"{config.data.root}: remove this folder, and its photos are drawn again"
            raise UserError(f"{str(error).splitlines()[0]}\n{remedy}") from error
    warn([*photos.skipped, *photos.warnings])
    return photos


def with_photos_drawn(config: "FitConfig") -> "FitConfig":
    """The settings with data.root where the photos are; those of data.render are drawn unless they have been."""
    from dataclasses import replace

    data = config.data
    if data.render is None:
        if data.faces is not None:
            raise UserError("data.faces: faces are for drawing on; add data.render, which says how many photos to draw")
        return config
    from multiskin.data.render.cache import rendered

    with progress("drawing photos") as advance:
        root = rendered(data.render, faces_in(data.faces), advance)
    print(f"drawn photos: {root}; grades are skewed in training, less so in validation and test", file=sys.stderr)
    return replace(config, data=replace(data, root=str(root)))


def faces_in(folder: str | None) -> list["Face"]:
    from multiskin.data.render.faces import load_faces

    return load_faces(Path(folder)) if folder is not None else []
