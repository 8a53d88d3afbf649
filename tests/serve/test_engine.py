"""One report says what the network says of each photo, of whatever callers it was asked together with."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from multiskin.config import ModelConfig, Recipe, SkinConfig
from multiskin.conformal.prediction import ConformalSets, Threshold
from multiskin.data.render.photo import Shot, photograph
from multiskin.data.transforms import Preprocessing
from multiskin.errors import UserError
from multiskin.explain.cam import head_maps
from multiskin.explain.geometry import WHOLE
from multiskin.explain.photos import prepare, scaled
from multiskin.faces import DetectedFace, step
from multiskin.inference.fusion import fuse
from multiskin.inference.predictor import Predictor
from multiskin.models.blueprint import Blueprint
from multiskin.portable.card import finite
from multiskin.schema import Attribute, Schema
from multiskin.serve.batching import Busy, Closed
from multiskin.serve.engine import Engine
from multiskin.serve.report import Photo, Report

SIZE = 64
SCHEMA = Schema((Attribute("shine", 5), Attribute("lines", 3, fine=True), Attribute("kind", 3, kind="nominal")))
PARTS = {"shine": ("chin", "side"), "lines": ("forehead",)}
ROUNDING = 1e-4  # other batches, other orders of summation
SIDE, OTHER, CHIN, FOREHEAD = (
    photograph(Shot(3, person, 0, part, False, person, (), 96)).pixels
    for person, part in enumerate(["side", "side", "chin", "forehead"])
)
DARK, HAZY = (SIDE / 12).astype(np.uint8), scaled(scaled(SIDE, 24), 96)


def build(seed=0, skin=SkinConfig(), parts=PARTS):  # noqa: B008  # it is never changed
    torch.manual_seed(seed)
    model = ModelConfig("test_efficientnet", weights="none", input_size=SIZE)
    counts = tuple((1,) * attribute.grades for attribute in SCHEMA)
    net = Blueprint(SCHEMA, model, (Recipe(decision="median"),) * len(SCHEMA), counts).build()
    for _, head in net.named_heads():
        torch.nn.init.normal_(head.linear.weight)
    return Predictor(net.eval(), Preprocessing(SIZE, (0.5,) * 3, (0.2,) * 3, skin=skin), torch.device("cpu"), parts)


def with_sets(predictor, score):
    thresholds = {attribute.name: {"all": Threshold(score, 20, 20)} for attribute in SCHEMA}
    return replace(predictor, conformal=ConformalSets(SCHEMA, 0.9, None, thresholds))


@pytest.fixture(scope="module")
def predictor():
    return build()


@pytest.fixture
def engine(predictor):
    engine = Engine(predictor)
    yield engine
    engine.close()


def numbers(report: Report):
    return [value for each in report.attributes for value in (*(each.probabilities or ()), each.score or 0)]


def assert_same(one: Report, other: Report):
    np.testing.assert_allclose(numbers(one), numbers(other), atol=ROUNDING)
    for here, there in zip(one.photos, other.photos, strict=True):
        assert here.quality == there.quality
        assert here.maps.keys() == there.maps.keys()
        for name in here.maps:
            np.testing.assert_allclose(here.maps[name].map, there.maps[name].map, atol=ROUNDING)


def test_one_photo_is_graded_as_by_the_predictor(engine, predictor):
    report, alone = engine.report([Photo(SIDE, None, "me.jpg")]), predictor.predict_photo(SIDE)
    for h, (each, attribute) in enumerate(zip(report.attributes, SCHEMA, strict=True)):
        assert each is report[attribute.name]
        assert (each.attribute, each.applies, each.why_not, each.counted) == (attribute, True, (), (0,))
        assert each.grade == alone.grades[0, h]
        np.testing.assert_allclose(each.probabilities, alone.probabilities[0, h, : attribute.grades], atol=ROUNDING)
        assert each.confidence == each.probabilities[each.grade]
    assert [each.score is None for each in report.attributes] == [False, False, True]
    np.testing.assert_allclose([report["shine"].score, report["lines"].score], alone.scores[0, :2], atol=ROUNDING)
    [photo] = report.photos
    assert (photo.name, photo.part, photo.notes, report.model) == ("me.jpg", None, (), engine.model)
    np.testing.assert_array_equal(photo.pixels, prepare(SIDE, "", [predictor.transform()]).pixels)


def test_the_sets_of_one_photo_are_those_of_the_predictor(predictor):
    promising = with_sets(predictor, 0.5)
    engine = Engine(promising)
    try:
        [one, several] = engine.report([Photo(SIDE)]), engine.report([Photo(SIDE), Photo(OTHER)])
    finally:
        engine.close()
    sets = promising.sets(predictor.predict_photo(SIDE))
    assert [each.likely for each in one.attributes] == [tuple(np.flatnonzero(of)) for of in sets[0]]
    assert all(each.grade in each.likely for each in one.attributes)
    assert [each.likely for each in several.attributes] == [None] * 3  # of which nothing was promised


def test_maps_are_those_of_the_network(engine, predictor):
    [photo] = engine.report([Photo(SIDE)]).photos
    expected = head_maps(predictor.net, predictor.transform()(SIDE, seed=0)[None]).maps[0].numpy()  # (H, h, w)
    assert list(photo.maps) == list(SCHEMA.names)
    for found, values in zip(photo.maps.values(), expected, strict=True):
        np.testing.assert_allclose(found.map, values * values.size, atol=ROUNDING)
        assert found.region == WHOLE


def test_photos_of_a_person_are_asked_for_what_their_parts_show(engine, predictor):
    photos = [Photo(SIDE, "side"), Photo(CHIN, "chin"), Photo(FOREHEAD, "forehead"), Photo(OTHER)]
    report = engine.report(photos)
    assert [each.counted for each in report.attributes] == [(0, 1, 3), (2, 3), (0, 1, 2, 3)]
    assert [tuple(photo.maps) for photo in report.photos] == [
        ("shine", "kind"),
        ("shine", "kind"),
        ("lines", "kind"),
        SCHEMA.names,
    ]
    alone = np.concatenate([predictor.predict_photo(photo.pixels).probabilities for photo in photos])
    counted = np.array([[n in each.counted for each in report.attributes] for n in range(4)])
    together = predictor.judge(torch.from_numpy(fuse(alone, counted).probabilities)[None])
    assert [each.grade for each in report.attributes] == together.grades[0].tolist()
    scores = [each.score for each in report.attributes[:2]]
    np.testing.assert_allclose(scores, together.scores[0, :2], atol=ROUNDING)


def test_a_poor_photo_does_not_count_and_the_others_do(engine):
    good, both = engine.report([Photo(SIDE)]), engine.report([Photo(SIDE), Photo(DARK)])
    np.testing.assert_allclose(numbers(both), numbers(good), atol=ROUNDING)
    poor = both.photos[1]
    assert "dark" in poor.notes
    assert poor.maps == {}


def test_what_no_photo_shows_has_no_number(engine):
    report = engine.report([Photo(DARK), Photo(CHIN, "chin")])
    lines = report["lines"]
    assert (lines.applies, lines.counted, lines.why_not[-1]) == (False, (), "part")
    assert "dark" in lines.why_not
    assert (lines.grade, lines.score, lines.probabilities, lines.confidence) == (None,) * 4
    assert report["shine"].counted == (1,)


def test_fine_attributes_alone_are_left_out_of_a_hazy_photo(engine):
    report = engine.report([Photo(HAZY)])
    assert [each.applies for each in report.attributes] == [True, False, True]
    assert report["lines"].why_not == ("blurred",)
    assert list(report.photos[0].maps) == ["shine", "kind"]


def test_a_model_that_knows_no_parts_takes_any():
    engine = Engine(build(parts={}))
    report = engine.report([Photo(SIDE, "side"), Photo(CHIN, "anything")])
    assert engine.parts == ()
    assert [each.counted for each in report.attributes] == [(0, 1)] * 3
    engine.close()


def test_a_report_as_plain_containers(engine):
    report = engine.report([Photo(SIDE, "side", "a.jpg"), Photo(DARK, None, "b.jpg")])
    content = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert content == report.to_dict()
    assert content["model"] == engine.model
    shine, lines, kind = content["attributes"]
    assert [shine["name"], shine["grade"], shine["photos"]] == ["shine", report["shine"].grade, [0]]
    assert abs(sum(shine["probabilities"]) - 1) < 1e-5
    assert (kind["score"], kind["applies"]) == (None, True)
    assert (lines["grade"], lines["probabilities"], lines["applies"]) == (None, None, False)
    assert set(lines["why_not"]) >= {"part", "dark"}
    assert [photo["name"] for photo in content["photos"]] == ["a.jpg", "b.jpg"]
    assert set(content["photos"][0]) == {"name", "part", "quality", "notes"}
    assert set(content["photos"][0]["quality"]) == {"lightness", "clipped", "sharpness", "resolution", "skin"}


def test_callers_at_once_have_each_their_own_report(engine):
    persons = [[Photo(SIDE)], [Photo(OTHER)], [Photo(CHIN, "chin"), Photo(SIDE)], [Photo(FOREHEAD, "forehead")]]
    alone = [engine.report(photos) for photos in persons]
    assert len({tuple(np.round(numbers(report), 3)) for report in alone}) == len(persons)
    with ThreadPoolExecutor(8) as pool:
        for caller, report in enumerate(pool.map(engine.report, persons * 10)):
            assert_same(report, alone[caller % len(persons)])


def test_more_than_can_wait_is_refused_before_any_work(predictor, monkeypatch):
    engine = Engine(predictor, largest=2, waiting=2)
    assert len(engine.report([Photo(SIDE)] * 2).photos) == 2
    monkeypatch.setattr("multiskin.serve.engine.prepare", None)
    with pytest.raises(Busy):
        engine.report([Photo(SIDE)] * 3)
    engine.close()
    with pytest.raises(Closed):
        engine.report([Photo(SIDE)])


def test_the_model_is_named_by_what_it_does(predictor):
    larger = replace(predictor, preprocessing=replace(predictor.preprocessing, input_size=96))
    head = next(attribute for attribute in predictor.schema if attribute.ordinal)
    decided = predictor.with_decisions({head.name: "credit"})
    credited = predictor.with_credit({head.name: ((1.0,) * head.grades,) * head.grades})
    others = (build(skin=SkinConfig(crop=True)), build(seed=1), larger, decided, credited)
    promising = (with_sets(predictor, 0.5), with_sets(predictor, np.inf))
    engines = [Engine(each) for each in (predictor, build(), *others, *promising)]
    names = [engine.model for engine in engines]
    assert names[0] == names[1]
    assert len(set(names)) == 1 + len(others) + len(promising)
    for engine in engines:
        engine.close()


def test_sets_without_a_limit_name_the_same_model_in_a_folder_for_the_hub(predictor):
    unlimited = with_sets(predictor, np.inf)
    read = ConformalSets.from_dict(json.loads(json.dumps(finite(unlimited.conformal).to_dict())), SCHEMA)
    engines = [Engine(unlimited), Engine(replace(predictor, conformal=read))]
    assert len({engine.model for engine in engines}) == 1
    for engine in engines:
        engine.close()


def test_a_detector_that_is_not_there_is_told_at_once():
    with pytest.raises(UserError, match="no such file"):
        Engine(build(skin=SkinConfig(crop=True, detector="nowhere.onnx")))


def test_the_cropped_face_is_shown_and_one_that_is_not_found_is_told(monkeypatch):
    landmarks = ((38.0, 40.0), (58.0, 40.0), (48.0, 52.0), (40.0, 62.0), (56.0, 62.0))
    face = DetectedFace((30, 30, 40, 40), landmarks, 1)
    monkeypatch.setattr(step, "find_faces", lambda photo, _: [face] * photo[0, 0, 0])  # told by the first pixel
    engine = Engine(build(skin=SkinConfig(crop=True)))
    with_face, without = SIDE.copy(), SIDE.copy()
    with_face[0, 0, 0], without[0, 0, 0] = 1, 0
    found, whole = engine.report([Photo(with_face), Photo(without)]).photos
    assert "no_face" not in found.notes
    assert "no_face" in whole.notes
    np.testing.assert_array_equal(whole.pixels, scaled(without, 480))
    assert np.abs(found.pixels.astype(int) - whole.pixels).mean() > 1
    assert found.quality.resolution < whole.quality.resolution
    engine.close()


def test_what_follows_from_grades_is_told_where_they_are_known():
    predictor = build()
    rules = [{"label": "dull", "when": {"shine": [0, 1]}}]
    fine = [{"label": "smooth", "when": {"lines": [0]}}]
    derived = [
        {"name": "look", "rules": rules, "otherwise": "shining"},
        {"name": "feel", "rules": fine, "otherwise": "rough"},
    ]
    predictor.net.schema = Schema.from_dict(SCHEMA.to_dict() | {"derived": derived})
    engine = Engine(predictor)
    report = engine.report([Photo(SIDE, "side")])
    engine.close()
    look = "dull" if report["shine"].grade in (0, 1) else "shining"
    assert report.to_dict()["derived"] == {"look": look, "feel": None}
