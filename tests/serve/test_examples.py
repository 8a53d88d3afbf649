"""Example pictures are drawn once, and are photographs like any other."""

from multiskin.data.render.plan import PHOTOS
from multiskin.serve import examples
from multiskin.serve.examples import SIZE, example_pictures, of_person
from multiskin.serve.uploads import read_upload


def test_they_show_all_parts_of_a_few_persons_and_are_drawn_once(tmp_path, monkeypatch):
    first = example_pictures(tmp_path / "new" / "examples")
    parts = [part for part, _ in PHOTOS]
    assert [(each.person, each.part) for each in first] == [(person, part) for person in range(3) for part in parts]
    for each in first:
        assert read_upload(each.path.read_bytes(), each.path.name).shape == (SIZE, SIZE, 3)
    assert len({each.path.read_bytes() for each in first}) == len(first)
    assert [each.part for each in of_person(first, 2)] == parts

    monkeypatch.setattr(examples, "photograph", None)
    assert example_pictures(tmp_path / "new" / "examples") == first
