"""The same photos and the same model give the same parts, and any others give different parts."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.cli.collecting import chunk_size
from multiskin.collection.plan import Chunk, Plan, model_digest
from multiskin.errors import UserError

NAMES = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8), min_size=1)


@settings(max_examples=50, deadline=None)
@given(names=NAMES, rows=st.integers(1, 9), size=st.integers(1, 9))
def test_every_photo_is_in_one_chunk_of_one_part(names: list[str], rows: int, size: int) -> None:
    plan = Plan.of(names, rows, "model")
    chunks = [chunk for part in range(plan.parts) for chunk in plan.chunks(part, size)]
    assert [name for chunk in chunks for name in chunk.names] == sorted(set(names))
    assert len({chunk.key for chunk in chunks}) == len(chunks)
    for chunk in chunks:
        assert 1 <= len(chunk.names) <= size
        assert list(plan.names_of(chunk.part)[chunk.first :][: len(chunk.names)]) == list(chunk.names)
    assert all(len(plan.names_of(part)) == rows for part in range(plan.parts - 1))


@pytest.mark.parametrize(
    ("photos", "processes", "chunk"), [(1000, 2, 32), (40, 2, 20), (41, 2, 21), (3, 8, 1), (1, 1, 1)]
)
def test_with_few_photos_each_process_gets_a_chunk(photos: int, processes: int, chunk: int) -> None:
    assert chunk_size(32, photos, processes) == chunk


def test_a_chunk_can_be_divided_into_single_photos() -> None:
    assert list(Chunk(3, 10, ["a", "b"]).singles()) == [Chunk(3, 10, ["a"]), Chunk(3, 11, ["b"])]


@settings(max_examples=20, deadline=None)
@given(names=NAMES, shuffled=st.randoms(use_true_random=False))
def test_the_order_of_photos_does_not_matter(names: list[str], shuffled: object) -> None:
    others = names * 2
    shuffled.shuffle(others)
    one, other = Plan.of(names, 3, "model"), Plan.of(others, 3, "model")
    assert one.photos == other.photos
    assert [one.file(part) for part in range(one.parts)] == [other.file(part) for part in range(other.parts)]


def test_other_photos_or_another_model_give_other_file_names() -> None:
    plan = Plan.of(["a.png", "b.png", "c.png"], 2, "model")
    assert plan.file(0) != plan.file(1)
    assert plan.file(0) != Plan.of(["a.png", "b.png", "c.png"], 2, "another").file(0)
    grown = Plan.of(["a.png", "b.png", "c.png", "d.png"], 2, "model")
    assert grown.photos != plan.photos
    assert (grown.file(0) == plan.file(0), grown.file(1) == plan.file(1)) == (True, False)


def test_lists_whose_joined_names_are_equal_have_different_digests() -> None:
    assert Plan.of(["ab", "c"], 2, "m").photos != Plan.of(["a", "bc"], 2, "m").photos


def test_a_relative_name_is_another_photo_in_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Plan.of(["a.png"], 1, "model").photos
    monkeypatch.chdir(tmp_path)
    assert Plan.of(["a.png"], 1, "model").photos != here


def test_a_name_that_is_not_utf8_gets_one_message() -> None:
    with pytest.raises(UserError, match="not UTF-8"):
        Plan.of([os.fsdecode(b"caf\xe9.png")], 1, "model")


def test_the_models_digest_depends_on_its_content_and_the_options(tmp_path: Path) -> None:
    (tmp_path / "one.ckpt").write_bytes(b"weights")
    (tmp_path / "copy.ckpt").write_bytes(b"weights")
    (tmp_path / "other.ckpt").write_bytes(b"heights")
    digest = model_digest(tmp_path / "one.ckpt", {"decision": ["median"]})
    assert model_digest(tmp_path / "copy.ckpt", {"decision": ["median"]}) == digest
    assert model_digest(tmp_path / "other.ckpt", {"decision": ["median"]}) != digest
    assert model_digest(tmp_path / "one.ckpt", {"decision": ["credit"]}) != digest


def test_the_digest_of_a_folder_for_the_hub_depends_on_all_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    digest = model_digest(tmp_path, {})
    assert model_digest(tmp_path, {}) == digest
    (tmp_path / "config.json").write_text('{"a": 1}')
    assert model_digest(tmp_path, {}) != digest


def test_a_missing_model_gets_one_message(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.ckpt"):
        model_digest(tmp_path / "gone.ckpt", {})
