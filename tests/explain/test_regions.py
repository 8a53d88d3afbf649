"""Masks stay aligned with the photo under any evaluation transform."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from multiskin.config import SkinConfig
from multiskin.data.images import ImageError, read_image
from multiskin.data.manifest import Manifest
from multiskin.data.transforms import Preprocessing, evaluation_transform
from multiskin.errors import UserError
from multiskin.explain.regions import MaskFolder, PhotosWithRegions
from multiskin.faces import DetectedFace, step
from multiskin.faces.step import Portrait
from multiskin.schema import MISSING, Attribute, Schema

HEIGHT, WIDTH, SIZE = 40, 60, 16
STEPS = [
    ("Resize",),
    ("CenterCrop",),
    ({"CenterCrop": {"size": 24}}, "Resize"),
    ({"CenterCrop": {"size": [50, 90]}}, "Resize"),  # pads by reflection
    ({"Resize": {"size": [48, 30]}}, {"CenterCrop": {"size": 20}}),
]


def blob() -> np.ndarray:
    """A mask without any symmetry."""
    down, across = np.ogrid[:HEIGHT, :WIDTH]
    return np.clip(1.4 - np.hypot(down - 15, across - 22) / 8, 0, 0.7) + 0.3 * (across > 50)


@pytest.fixture
def photos(tmp_path: Path, manifest: Manifest) -> Manifest:
    """Two photos whose first channel is their mask; the second photo is graded only for the second attribute."""
    for name in ("a.b", "c"):
        level = np.rint(255 * blob()).astype(np.uint8)
        Image.fromarray(np.stack([level, level // 2, level // 3], axis=2)).save(tmp_path / f"{name}.png")
    schema = Schema((Attribute("shine", 5, column="Shine!"), Attribute("lines", 3)))
    two = replace(manifest.select(np.array([0, 1])), schema=schema, root=tmp_path)
    return replace(two, paths=np.array(["a.b.png", "c.png"]), grades=np.array([[1, 0], [MISSING, 2]]))


def preprocessing(*steps: str | dict) -> Preprocessing:
    return Preprocessing(SIZE, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), steps or ("Resize",))


@pytest.mark.parametrize("steps", STEPS)
def test_masks_are_transformed_as_the_photo_is(steps: tuple, photos: Manifest) -> None:
    data = PhotosWithRegions(photos, preprocessing(*steps), lambda *_: blob(), None)
    item = data[0]
    red = item["image"][0] * 0.25 + 0.5  # the first channel of the photo
    np.testing.assert_allclose(item["masks"][0], red, atol=1 / 255)
    assert item["masks"][0].std() > 0.1


def test_masks_are_requested_for_graded_attributes_by_heading(photos: Manifest) -> None:
    asked = []

    def masks(photo: Path, heading: str) -> np.ndarray | None:
        asked.append((photo.name, heading))
        return np.ones((HEIGHT, WIDTH)) if heading == "lines" else None

    data = PhotosWithRegions(photos, preprocessing(), masks, None)
    for row in (0, 1):
        assert data[row]["row"] == row
        assert data[row]["masks"].mean(dim=(1, 2)).tolist() == [0, 1]
    assert set(asked) == {("a.b.png", "Shine!"), ("a.b.png", "lines"), ("c.png", "lines")}


def test_skin_is_transformed_too_and_everything_is_skin_without_a_detector(photos: Manifest) -> None:
    def right_half(portrait: Portrait, *, lips: bool) -> np.ndarray:
        assert portrait.photo.shape == (HEIGHT, WIDTH, 3)
        return np.full((HEIGHT, WIDTH), lips) | (np.arange(WIDTH) >= WIDTH / 2)

    halved = PhotosWithRegions(photos, preprocessing(), None, right_half)[0]["skin"]
    assert halved[0, :, : SIZE // 2].max() == 0
    assert halved[0, :, SIZE // 2 :].min() == 1
    assert halved[1].min() == 1
    whole = PhotosWithRegions(photos, preprocessing(), None, None)[0]
    assert whole["skin"].min() == 1
    assert whole["masks"].max() == 0


@pytest.mark.parametrize("config", [SkinConfig(crop=True), SkinConfig(only=True), SkinConfig(crop=True, only=True)])
def test_a_face_is_detected_once(config: SkinConfig, photos: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    face = DetectedFace((20, 5, 20, 30), ((26, 15), (34, 15), (30, 21), (27, 27), (33, 27)), 1.0)
    searched: list[np.ndarray] = []
    monkeypatch.setattr(step, "find_faces", lambda photo, _: searched.append(photo) or [face])
    prepared = replace(preprocessing(), skin=config)
    item = PhotosWithRegions(photos, prepared, lambda *_: blob(), Portrait.skin)[0]
    assert len(searched) == 1
    assert torch.equal(item["image"], evaluation_transform(prepared)(read_image(photos.path(0)), seed=0))


def test_a_mask_of_another_size_is_an_error(photos: Manifest) -> None:
    data = PhotosWithRegions(photos, preprocessing(), lambda *_: np.ones((HEIGHT, 7)), None)
    with pytest.raises(UserError, match=r"a\.b\.png.*Shine!.*40 x 7 and 40 x 60"):
        data[0]


def test_masks_are_read_as_the_renderer_writes_them(tmp_path: Path) -> None:
    level = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    Image.fromarray(level).save(tmp_path / "00007-2-lines.png")
    (tmp_path / "00007-3-lines.png").write_bytes(b"nothing")
    masks = MaskFolder(tmp_path, Path())
    np.testing.assert_allclose(masks(Path("images/00007-2.jpg"), "lines"), level / 255, atol=1e-6)
    assert masks(Path("images/00007-2.jpg"), "shine") is None
    with pytest.raises(ImageError, match="00007-3-lines"):
        masks(Path("images/00007-3.jpg"), "lines")


@pytest.fixture
def same_names(tmp_path: Path, photos: Manifest) -> Manifest:
    """a/1.jpg and b/1.jpg, and the folders of their masks."""
    for name in ("a", "b"):
        (tmp_path / "masks" / name).mkdir(parents=True)
    return replace(photos, paths=np.array(["a/1.jpg", "b/1.jpg"]))


def beside(photos: Manifest) -> MaskFolder | None:
    return MaskFolder.beside(photos.root, [photos.path(row) for row in range(len(photos))], photos.schema)


def draw(path: Path, level: int) -> None:
    Image.fromarray(np.full((2, 3), level, np.uint8)).save(path)


def test_a_mask_in_the_subfolder_of_its_photo_comes_first(same_names: Manifest) -> None:
    folder = same_names.root / "masks"
    draw(folder / "a" / "1-lines.png", 51)
    draw(folder / "1-lines.png", 255)
    masks = beside(same_names)
    assert masks is not None
    for row, level in enumerate((0.2, 1.0)):
        np.testing.assert_allclose(masks(same_names.path(row), "lines"), level, atol=1e-6)
        assert masks(same_names.path(row), "Shine!") is None
    elsewhere = masks(Path("/other/1.jpg"), "lines")
    np.testing.assert_allclose(elsewhere, 1.0)


def test_a_mask_shared_by_two_photos_is_an_error(same_names: Manifest) -> None:
    draw(same_names.root / "masks" / "1-Shine!.png", 255)
    with pytest.raises(UserError, match=r"1-Shine!\.png: .*a/1\.jpg and .*b/1\.jpg would share .*FOLDER/NAME-Shine!"):
        beside(same_names)


def test_without_a_folder_of_masks_there_are_none(photos: Manifest) -> None:
    assert beside(photos) is None
