"""Loads the photos that a command needs, checked, and drawn first if the settings say so."""

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

SIDES = ("val", "test")  # the sides of a run's split that have predictions


def checked_photos(config: "FitConfig", schema: "Schema") -> "Photos":
    """The checked photos; warns of problems that need not stop the command."""
    from multiskin.data.photos import load_photos

    with progress("checking photos") as advance:
        try:
            photos = load_photos(config.data, schema, advance)
        except UserError as error:
            if config.data.render is None:
                raise
            remedy = f"{config.data.root}: remove this folder to have its photos drawn again"
            raise UserError(f"{str(error).splitlines()[0]}\n{remedy}") from error
    warn([*photos.skipped, *photos.warnings])
    return photos


def with_photos_drawn(config: "FitConfig") -> "FitConfig":
    """The settings with data.root set to the folder of the photos; those of data.render are drawn if not cached."""
    from dataclasses import replace

    data = config.data
    if data.render is None:
        if data.faces is not None:
            raise UserError("data.faces: only for drawn photos; add data.render, which says how many to draw")
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
    """The data settings of a run, updated with a command's options; drawn photos are drawn again if they are missing.

    Args:
        run: the run.
        options: the command's root, batch_size and num_workers.
        name: the command's name.
        description: the command's description.
    """
    from dataclasses import replace

    settings = fit_config(name, description, ["--config", str(run.config)])[0]
    if not options.root and not Path(settings.data.root).exists():
        settings, had = with_photos_drawn(settings), settings.data.root
        if settings.data.root != had:
            warn([f"the run's photos, {had}, no longer exist, and newly drawn ones differ: results may differ, too"])
    root = options.root or settings.data.root
    return replace(settings.data, root=root, batch_size=options.batch_size, num_workers=options.num_workers)


def photos_of_side(run: "RunFolder", side: str, data: "DataConfig", schema: "Schema", remedy: str) -> "Manifest":
    """The checked photos on one side of the run's split.

    Raises:
        UserError: there are none, and the message ends with the remedy; or the run's table has moved.
    """
    from multiskin.data.photos import load_side

    table = Path(data.root) / data.manifest
    if not table.exists():
        raise UserError(
            f"{run.root}: its table {table} does not exist; if the photos have moved, name their folder with --root"
        )
    with progress("checking photos") as advance:
        photos, skipped = load_side(data, schema, run.split, side, advance)
    warn(skipped)
    if not len(photos):
        raise UserError(f"{run.root}: the split has no {side} photo; {remedy}")
    return photos


def photos_of_table(data: "DataConfig", table: str, schema: "Schema") -> "Manifest":
    """The checked photos of a table other than the run's, relative to the same root.

    Raises:
        UserError: there are none.
    """
    from dataclasses import replace

    from multiskin.data.photos import load_table

    with progress("checking photos") as advance:
        photos, skipped = load_table(replace(data, manifest=table), schema, advance)
    warn(skipped)
    if not len(photos):
        raise UserError(f"{table}: none of its rows can be used; see the warnings above")
    return photos
