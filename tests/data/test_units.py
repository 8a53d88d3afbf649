from multiskin.data.units import unit_names


def test_photos_of_one_subject_are_one_and_a_photo_of_nobody_known_is_one_with_all_of_its_parts():
    images = ["a.jpg", "b.jpg", "b.jpg#xywh=0,0,8,8", "b.jpg#xywh=8,0,8,8", "c.jpg"]
    kim, lone, part, other, third = unit_names(["kim", "", "", "", "kim"], images)
    assert kim == third
    assert lone == part == other != kim
    assert len(set(unit_names(None, images))) == 3


def test_a_subject_called_as_a_photo_is_another_thing():
    assert len(set(unit_names(["b.jpg", ""], ["a.jpg", "b.jpg"]))) == 2
