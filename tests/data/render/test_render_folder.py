import importlib
import os
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import multiskin
from multiskin.cli import main
from multiskin.config import Columns, DataConfig, RenderConfig
from multiskin.data.images import read_image
from multiskin.data.manifest import load_manifest
from multiskin.data.render.conditions import CONDITIONS
from multiskin.data.render.faces import Face
from multiskin.data.render.folder import _label, _plan, render_into, share_out
from multiskin.data.render.grades import GRADES
from multiskin.data.render.photo import photograph
from multiskin.data.render.plan import rated_grades
from multiskin.errors import UserError
from multiskin.schema import Attribute, Schema

folder_module = importlib.import_module("multiskin.data.render.folder")
TINY = RenderConfig(persons=[2, 1, 1], size=48, seed=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered") / "set"
    render_into(folder, TINY)
    return folder


def test_is_a_manifest_like_any_users(folder):
    schema = Schema(tuple(Attribute(name, GRADES) for name in CONDITIONS))
    columns = Columns(split="split", subject="subject", part="part", groups=["tone"], second_rater="{}_second")
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


def test_the_same_settings_give_the_same_bytes(folder, tmp_path, draw_here):
    assert (
        main(["data", "render", str(tmp_path / "again"), "--persons", "2", "1", "1", "--size", "48", "--seed", "3"])
        == 0
    )
    files = sorted(path.relative_to(folder) for path in folder.rglob("*.*"))
    assert files == sorted(path.relative_to(tmp_path / "again") for path in (tmp_path / "again").rglob("*.*"))
    assert all((folder / file).read_bytes() == (tmp_path / "again" / file).read_bytes() for file in files)


EMBEDDED = yaml.safe_load((Path(multiskin.__file__).parent / "embedded" / "config.yaml").read_text())


def test_what_fit_draws_is_what_render_draws():
    assert RenderConfig(**EMBEDDED["data"]["render"]) == RenderConfig()


def test_the_default_tests_every_grade_of_every_attribute_on_twenty_photos():
    counts = {name: Counter() for name in CONDITIONS}
    for side, shot in _plan(RenderConfig()):
        if side == "test":
            for name, grade in rated_grades(shot, 0).items():
                counts[name][grade] += 1
    assert all(counts[name][grade] >= 20 for name in counts for grade in range(GRADES))


def faces_of(tones):
    """A face of a subject and tone; nothing else matters here."""
    return [Face(f"s{i:03}", Path(f"{i}.jpg"), (), tone) for i, tone in enumerate(tones)]


@given(st.lists(st.integers(0, 5), min_size=3, max_size=60), st.permutations([40, 6, 15]), st.integers(0, 5))
@settings(max_examples=50, deadline=None)
def test_no_face_stands_on_two_sides_and_every_side_has_its_share(tones, persons, seed):
    faces = faces_of(tones)
    shares = share_out(faces, persons, seed)
    assert sorted(face.subject for side in shares for face in side) == [face.subject for face in faces]
    for side, number in zip(shares, persons, strict=True):
        assert side
        assert abs(len(side) - number / 61 * len(faces)) <= max(len(set(tones)), 2)  # rounded for each tone
    assert share_out(faces, persons, seed) == shares


def test_every_side_has_faces_of_every_frequent_tone():
    shares = share_out(faces_of([tone for tone in range(6) for _ in range(17)]), [420, 60, 150], 0)
    assert [len({face.tone for face in side}) for side in shares] == [6, 6, 6]


def test_all_photos_of_a_subject_stand_on_one_side():
    twice = [replace(face, image=Path(name)) for face in faces_of(range(6)) for name in ("a.jpg", "b.jpg")]
    shares = share_out(twice, [2, 1, 1], 0)
    assert all(len(side) == 2 * len({face.subject for face in side}) for side in shares)


def test_a_face_is_the_subject_of_its_photos():
    faces = faces_of([0, 3, 5, 1])
    plan = list(_plan(replace(TINY, persons=[4, 1, 1]), faces))
    assert {shot.tone for _, shot in plan} == {face.tone for _, shot in plan for face in [shot.face]}
    for side in ("train", "val", "test"):
        names = {_label(side, shot)["subject"] for each, shot in plan if each == side}
        assert names <= {face.subject for face in faces}
        assert not names & {_label(each, shot)["subject"] for each, shot in plan if each != side}


def test_faces_that_are_too_few_are_named(tmp_path):
    with pytest.raises(UserError, match="2 subjects are too few for 3 sides"):
        render_into(tmp_path / "new", TINY, faces_of([1, 2]))
    assert not (tmp_path / "new").exists()


@pytest.mark.processes
def test_a_process_killed_from_outside_is_said_so(tmp_path, monkeypatch):
    """Kills its process when it draws, like a system that is short of memory."""
    monkeypatch.setattr(folder_module, "_draw", _die)
    with pytest.raises(UserError, match="killed a process"):
        render_into(tmp_path / "new", TINY)


def _die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (RenderConfig(persons=[0, 1, 1]), "persons"),
        (RenderConfig(persons=[3, 1]), "persons"),
        (RenderConfig(size=8), "size is 8"),
        (RenderConfig(size=99999999), "size is 99999999"),
        (RenderConfig(seed=-1), "seed is -1"),
    ],
)
def test_settings_that_make_no_set_are_named(tmp_path, config, said):
    with pytest.raises(UserError, match=said):
        render_into(tmp_path / "new", config)
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_one_worker_and_several_give_the_same_bytes(folder, tmp_path):
    render_into(tmp_path / "one", TINY, workers=1)
    render_into(tmp_path / "three", TINY, workers=3)
    for path in folder.rglob("*.*"):
        name = path.relative_to(folder)
        assert path.read_bytes() == (tmp_path / "one" / name).read_bytes() == (tmp_path / "three" / name).read_bytes()


def test_overwrites_nothing(folder):
    with pytest.raises(UserError, match="something already"):
        render_into(folder, TINY)


def test_a_file_is_not_drawn_into(tmp_path):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(UserError, match="file: there is something already"):
        render_into(tmp_path / "file", TINY)
    assert (tmp_path / "file").read_text() == "kept"
