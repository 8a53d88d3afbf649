"""Runs depend on the content of files, not on their names."""

from importlib.metadata import version

import cv2

from multiskin.compare.contents import (
    digest_of,
    package_versions,
    photo_digests,
    user_detector,
    user_digests,
    user_weights,
)
from multiskin.config import DataConfig, FitConfig, ModelConfig, SkinConfig


def test_photos_are_distinguished_by_their_bytes(tmp_path):
    (tmp_path / "deep").mkdir()
    for name, content in {"a.jpg": b"1", "deep/b.jpg": b"1", "c.jpg": b"2"}.items():
        (tmp_path / name).write_bytes(content)
    found = photo_digests(tmp_path, ["a.jpg", "deep\\b.jpg", "c.jpg", "a.jpg"])
    assert list(found) == ["a.jpg", "deep\\b.jpg", "c.jpg"]
    assert found["a.jpg"] == found["deep\\b.jpg"] == digest_of(tmp_path / "a.jpg") != found["c.jpg"]


def test_only_the_users_own_files_are_digested(tmp_path):
    assert user_weights(FitConfig(model=ModelConfig(weights="auto"))) is None
    assert user_detector(FitConfig()) is None
    file = tmp_path / "it"
    file.touch()
    config = FitConfig(model=ModelConfig(weights=str(file)), data=DataConfig(skin=SkinConfig(detector=str(file))))
    assert user_weights(config) == user_detector(config) == file
    assert user_digests(FitConfig()) == {}
    assert user_digests(config) == {"weights": digest_of(file), "detector": digest_of(file)}


def test_versions_are_those_installed():
    versions = package_versions()
    assert versions["torch"] == version("torch")
    assert versions["opencv"] == cv2.__version__
