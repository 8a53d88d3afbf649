"""The photos that a command is about, checked, and drawn first if need be."""

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from multiskin.cli.settings import fit_config
from multiskin.cli.terminal import progress, warn
from multiskin.errors import UserError

if TYPE_CHECKING:
    from multiskin.config import DataConfig, FitConfig
    from multiskin.data.manifest import Manifest
    from multiskin.data.photos import Photos
    from multiskin.data.render.faces import Face
    from multiskin.run import RunFolder
    from multiskin.schema import Schema

SIDES = ("val", "test")  # of a run's split, that a model is measured on


def checked_photos(config: "FitConfig", schema: "Schema") -> "Photos":
    """The checked photos; problems that need not stop a command are warned of."""
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
            raise UserError("data.faces: faces are to draw on; add data.render, which says how many photos to draw")
        return config
    from multiskin.data.render.cache import rendered

    with progress("drawing photos") as advance:
        root = rendered(data.render, faces_in(data.faces), advance)
    print(f"drawn photos: {root}; grades are skewed in training, less so in validation and test", file=sys.stderr)
    return replace(config, data=replace(data, root=str(root)))


def faces_in(folder: str | None) -> list["Face"]:
    from multiskin.data.render.faces import load_faces

    return load_faces(Path(folder)) if folder is not None else []


def data_of(run: "RunFolder", options: Namespace, name: str, description: str) -> "DataConfig":
    """Where a run's photos are, and how they are read; drawn photos that are gone are drawn again.

    Args:
        run: a trained one.
        options: the command's: root, and those of inference.
        name: the command's name.
        description: the command's description.
    """
    from dataclasses import replace

    settings = fit_config(name, description, ["--config", str(run.config)])[0]
    if not options.root and not Path(settings.data.root).exists():
        settings, had = with_photos_drawn(settings), settings.data.root
        if settings.data.root != had:
            warn([f"the photos of the run, {had}, are gone, and those drawn now differ: results may, too"])
    root = options.root or settings.data.root
    return replace(settings.data, root=root, batch_size=options.batch_size, num_workers=options.num_workers)


def photos_of_side(run: "RunFolder", side: str, data: "DataConfig", schema: "Schema", remedy: str) -> "Manifest":
    """The checked photos of one side of the run's split.

    Raises:
        UserError: there is none; the message ends in the remedy.
    """
    from multiskin.data.photos import load_side

    with progress("checking photos") as advance:
        photos, skipped = load_side(data, schema, run.split, side, advance)
    warn(skipped)
    if not len(photos):
        raise UserError(f"{run.root}: the split has no {side} photo; {remedy}")
    return photos


def photos_of_table(data: "DataConfig", table: str, schema: "Schema") -> "Manifest":
    """The checked photos of another table than the run's, relative to the same root.

    Raises:
        UserError: there is none.
    """
    from dataclasses import replace

    from multiskin.data.photos import load_table

    with progress("checking photos") as advance:
        photos, skipped = load_table(replace(data, manifest=table), schema, advance)
    warn(skipped)
    if not len(photos):
        raise UserError(f"{table}: none of its rows can be used; see the warnings above")
    return photos
