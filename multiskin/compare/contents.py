"""What determines a run apart from its settings: the bytes of its photos and of the user's files, and the packages."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b, file_digest
from importlib.metadata import version
from pathlib import Path

from multiskin.config import FitConfig
from multiskin.data.validation import photo_path
from multiskin.training.distillation import checkpoint_of

# Results depend on these. OpenCV is distributed under several names, so its version is read from the module instead.
PACKAGES = ("multiskin", "torch", "timm", "pytorch-lightning", "albumentations", "numpy", "pillow")


def package_versions() -> dict[str, str]:
    """The versions of the packages that results depend on, by name."""
    import cv2

    return {name: version(name) for name in PACKAGES} | {"opencv": cv2.__version__}


def user_weights(config: FitConfig) -> Path | None:
    """The user's own file of initial weights, if there is one."""
    path = Path(config.model.weights).expanduser()
    return path if path.is_file() else None


def user_detector(config: FitConfig) -> Path | None:
    """The user's own face detector file, if there is one."""
    path = Path(config.data.skin.detector or "")
    return path if path.is_file() else None


def user_teachers(config: FitConfig) -> list[Path]:
    """The checkpoints of the models to learn from."""
    return [checkpoint_of(teacher) for teacher in config.distillation.teachers] if config.distillation else []


def user_digests(config: FitConfig) -> dict[str, str]:
    """Digests of the user's own files: weights, detector and teachers; without those that are not given."""
    files = {"weights": user_weights(config), "detector": user_detector(config)}
    files |= {f"teacher {number}": path for number, path in enumerate(user_teachers(config))}
    return {name: digest_of(path) for name, path in files.items() if path and path.is_file()}


def photo_digests(root: Path, names: Iterable[str]) -> dict[str, str]:
    """A digest of each photo's bytes, by its path in the table."""
    names = list(dict.fromkeys(names))
    with ThreadPoolExecutor() as pool:
        return dict(zip(names, pool.map(digest_of, [photo_path(root, name) for name in names]), strict=True))


def digest_of(path: Path) -> str:
    """The digest of a file's bytes."""
    with path.open("rb") as file:
        return file_digest(file, "blake2b").hexdigest()


def short_digest(content: bytes) -> str:
    """A digest short enough for file names."""
    return blake2b(content, digest_size=4).hexdigest()
