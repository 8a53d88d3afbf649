"""A cache of rendered sets, keyed by the settings, the photographs and the source code of the renderer."""

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import cv2
import numpy as np
import PIL
from filelock import FileLock
from platformdirs import user_cache_path

from multiskin.config import RenderConfig
from multiskin.data.render.faces import Face
from multiskin.data.render.folder import check, render_into
from multiskin.data.validation import Progress
from multiskin.errors import UserError
from multiskin.run import write_json

VARIABLE = "MULTISKIN_CACHE"  # environment variable with the cache folder


def rendered(config: RenderConfig, faces: Sequence[Face] = (), progress: Progress | None = None) -> Path:
    """The folder of a rendered set, which is rendered if it is not in the cache yet.

    A set is rendered in a temporary folder, which is renamed when it is complete, so that an interrupted run leaves no
    partial set. If several runs ask for the same set, one renders it and the others wait.

    Args:
        config: the settings.
        faces: photographs to draw on; none for drawn faces.
        progress: called with (photos drawn, photos) after each.

    Raises:
        UserError: invalid settings or photographs, a full disk, or no permission to write.
    """
    check(config, faces)
    cache = Path(os.environ.get(VARIABLE) or user_cache_path("multiskin")).expanduser().resolve()
    settings = _settings(config, faces)
    folder = cache / f"rendered-{sha256(json.dumps(settings).encode()).hexdigest()[:16]}"
    if not folder.exists():
        try:
            cache.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{folder}.lock"):
                if not folder.exists():
                    _draw(folder, config, faces, settings, progress)
        except OSError as error:
            found = error.strerror or error
            raise UserError(f"{cache}: {found}; free some space, or name another folder with {VARIABLE}") from error
    return folder


def _settings(config: RenderConfig, faces: Sequence[Face]) -> dict[str, Any]:
    """Everything that the bytes of a set depend on, library versions included, since they may round differently."""
    return {
        "settings": asdict(config),
        "faces": _digest(part for face in faces for part in _contents(face)),
        "renderer": _digest(path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*.py"))),
        "versions": {"numpy": np.__version__, "opencv": cv2.__version__, "pillow": PIL.__version__},
    }


def _contents(face: Face) -> tuple[bytes, bytes]:
    """The contents of a face, without the folder of its photo."""
    return repr(replace(face, image=Path(face.image.name))).encode(), face.image.read_bytes()


def _digest(parts: Iterable[bytes]) -> str:
    return sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest()


def _draw(
    folder: Path, config: RenderConfig, faces: Sequence[Face], settings: dict[str, Any], progress: Progress | None
) -> None:
    """Renders a set; the caller holds the folder's lock, so partial sets beside it are from killed runs."""
    for abandoned in folder.parent.glob(f"{folder.name}.*-part"):
        shutil.rmtree(abandoned)
    part = Path(mkdtemp(prefix=f"{folder.name}.", suffix="-part", dir=folder.parent))
    try:
        render_into(part, config, faces, progress)
        write_json(part / "settings.json", settings)
        part.chmod(folder.parent.stat().st_mode)  # mkdtemp gives access to the owner only
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)  # has no effect after the rename
