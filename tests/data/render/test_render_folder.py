from collections import Counter

import numpy as np
import pandas as pd
import pytest

from multiskin.cli import main
from multiskin.config import Columns, DataConfig, RenderConfig
from multiskin.data.images import read_image
from multiskin.data.manifest import load_manifest
from multiskin.data.render.conditions import CONDITIONS
from multiskin.data.render.folder import _plan, render_into
from multiskin.data.render.grades import GRADES
from multiskin.data.render.photo import photograph
from multiskin.data.render.plan import rated_grades
from multiskin.errors import UserError
from multiskin.schema import Attribute, Schema

TINY = RenderConfig(persons=[2, 1, 1], size=48, seed=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered") / "set"
    render_into(folder, TINY)
    return folder


def test_is_a_manifest_like_any_users(folder):
    schema = Schema(tuple(Attribute(name, GRADES) for name in CONDITIONS))
    columns = Columns(split="split", subject="subject", part="part", groups=["tone"])
    manifest, skipped = load_manifest(DataConfig(root=str(folder), columns=columns), schema)
    assert not skipped
    assert Counter(manifest.split) == {"train": 10, "val": 5, "test": 5}
    assert len(set(manifest.subject)) == 4


def test_every_photo_is_the_one_that_was_planned_and_has_its_masks(folder):
    for (_, shot), image in zip(_plan(TINY), pd.read_csv(folder / "labels.csv")["image"], strict=True):
        photo = photograph(shot)
        difference = read_image(folder / image).astype(int) - photo.pixels
        assert np.abs(difference).mean() < 6  # JPEG
        for name, mask in photo.masks.items():
            kept = read_image(folder / "masks" / f"{image[7:-4]}-{name}.png")[..., 0]
            assert np.abs(kept / 255 - mask).max() < 0.5 / 255 + 1e-6


def test_the_same_settings_give_the_same_bytes(folder, tmp_path):
    assert (
        main(["data", "render", str(tmp_path / "again"), "--persons", "2", "1", "1", "--size", "48", "--seed", "3"])
        == 0
    )
    files = sorted(path.relative_to(folder) for path in folder.rglob("*.*"))
    assert files == sorted(path.relative_to(tmp_path / "again") for path in (tmp_path / "again").rglob("*.*"))
    assert all((folder / file).read_bytes() == (tmp_path / "again" / file).read_bytes() for file in files)


def test_the_default_tests_every_grade_of_every_attribute_on_twenty_photos():
    counts = {name: Counter() for name in CONDITIONS}
    for side, shot in _plan(RenderConfig()):
        if side == "test":
            for name, grade in rated_grades(shot, 0).items():
                counts[name][grade] += 1
    assert all(counts[name][grade] >= 20 for name in counts for grade in range(GRADES))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (RenderConfig(persons=[0, 1, 1]), "persons"),
        (RenderConfig(persons=[3, 1]), "persons"),
        (RenderConfig(size=8), "size is 8"),
        (RenderConfig(seed=-1), "seed is -1"),
    ],
)
def test_settings_that_make_no_set_are_named(tmp_path, config, said):
    with pytest.raises(UserError, match=said):
        render_into(tmp_path / "new", config)
    assert not (tmp_path / "new").exists()


def test_overwrites_nothing(folder):
    with pytest.raises(UserError, match="something already"):
        render_into(folder, TINY)
