"""The nearest clinics on the page: listed, drawn true to scale, and of a place that nothing remembers."""

import logging
from itertools import combinations
from math import atan2, degrees, hypot

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from multiskin.serve.clinics import Clinic, Place
from multiskin.serve.nearby import Near, nearest
from multiskin.serve.page.clinics import ROUTES, kilometres, show_clinics, show_nearest, written
from multiskin.serve.page.sketch import HEIGHT, PIN, WIDTH, Pin, apart, round_length, sketch
from multiskin.serve.texts import words

EN, KO = words("en"), words("ko")
EVIL = '"><img src=x onerror=alert(1)>'
SEOUL = Place(37.5663, 126.9779)
LIST = """name,latitude,longitude,phone,address,url
Near,37.5700,126.9779,02-123-4567,1 Street,https://near.example/
Far,35.1798,129.0750,,,
"""

# -------------------------------------------------------------------------------------------------------------- the map


def near(km: float, bearing: float) -> Near:
    return Near(Clinic("a", SEOUL), km, bearing)


FOUND = st.lists(st.builds(near, st.floats(0, 15_000), st.floats(0, 359.9)), min_size=1, max_size=10)


@settings(deadline=None)
@given(FOUND)
def test_every_clinic_is_on_the_map_once_and_none_hides_another(found):
    drawn = sketch(found)
    assert sorted(number for pin in drawn.pins for number in pin.numbers) == list(range(1, len(found) + 1))
    assert 0 <= drawn.x <= WIDTH
    assert 0 <= drawn.y <= HEIGHT
    for pin in drawn.pins:
        assert pin.width / 2 <= pin.x <= WIDTH - pin.width / 2
        assert PIN / 2 <= pin.y <= HEIGHT - PIN / 2


@settings(deadline=None)
@given(st.lists(st.builds(Pin, st.floats(0, WIDTH), st.floats(0, HEIGHT), st.just((1,))), max_size=10))
def test_pins_that_stay_apart_stay_and_the_others_are_joined(pins):
    numbered = [pin._replace(numbers=(number,)) for number, pin in enumerate(pins)]
    left = apart(numbered)
    assert not any(first.overlaps(second) for first, second in combinations(left, 2))
    for pin in left:
        joined = [numbered[number] for number in pin.numbers]
        assert pin.x == pytest.approx(sum(each.x for each in joined) / len(joined))
        assert pin.y == pytest.approx(sum(each.y for each in joined) / len(joined))
    if not any(first.overlaps(second) for first, second in combinations(numbered, 2)):
        assert left == numbered


@settings(deadline=None)
@given(FOUND)
def test_distances_and_directions_from_the_place_are_true(found):
    drawn = sketch(found)
    for pin in drawn.pins:
        one = found[pin.numbers[0] - 1]
        length = one.km * drawn.bar / drawn.step
        moved = pin.x in (pin.width / 2 + 2, WIDTH - pin.width / 2 - 2)
        if len(pin.numbers) == 1 and not moved:
            assert hypot(pin.x - drawn.x, pin.y - drawn.y) == pytest.approx(length, abs=0.5, rel=0.01)
            if length > 20:
                turned = degrees(atan2(pin.x - drawn.x, drawn.y - pin.y))
                assert abs((turned - one.bearing + 180) % 360 - 180) < 1


@settings(deadline=None)
@given(FOUND)
def test_the_bar_is_a_round_length_that_fits(found):
    drawn = sketch(found)
    assert f"{drawn.step:e}"[0] in "125"
    assert float(f"{drawn.step:.0e}") == pytest.approx(drawn.step)
    assert WIDTH / 11 < drawn.bar <= WIDTH / 4
    assert drawn.rings == pytest.approx([drawn.bar * (n + 1) for n in range(len(drawn.rings))], abs=1)
    assert 1 <= len(drawn.rings) < 20


@pytest.mark.parametrize(
    ("most", "length"), [(1, 1), (1.9, 1), (2, 2), (4.99, 2), (5, 5), (9.9, 5), (0.03, 0.02), (2500, 2000), (0.1, 0.1)]
)
def test_round_lengths(most, length):
    assert round_length(most) == pytest.approx(length)


@pytest.mark.parametrize(
    ("numbers", "label"),
    [((3,), "3"), ((1, 2), "1, 2"), ((1, 2, 3), "1–3"), ((1, 3, 4, 5, 9, 10), "1, 3–5, 9, 10"), ((1, 10), "1, 10")],
)
def test_a_pin_of_several_is_called_by_their_numbers(numbers, label):
    assert Pin(0, 0, numbers).label == label


# ------------------------------------------------------------------------------------------------------------- the list


def test_the_list_says_how_far_and_how_to_get_in_touch():
    html = show_nearest(SEOUL, nearest([clinic(url="https://a.kr/?a=1&b=2")], SEOUL), EN)
    assert 'href="tel:+8221234567">+82 (2) 123-4567</a>' in html
    assert 'href="https://a.kr/?a=1&amp;b=2" target="_blank" rel="noopener noreferrer"' in html
    assert "0.0 km" in html
    assert "북" in show_nearest(SEOUL, nearest([clinic()], SEOUL), KO)


def clinic(name: str = "A", url: str = "") -> Clinic:
    return Clinic(name, SEOUL, "+82 (2) 123-4567", name, url)


@pytest.mark.parametrize("said", [EN, KO], ids=["en", "ko"])
def test_names_and_addresses_are_no_html(said):
    clinics = [clinic(EVIL)]
    for html in (show_clinics(clinics, said), show_nearest(SEOUL, nearest(clinics, SEOUL), said)):
        assert EVIL not in html
        assert "&lt;img" in html


def test_clinics_are_places_to_choose_from_in_the_order_of_names():
    html = show_clinics([clinic("나"), clinic("가")], KO)
    assert html.index("가 ·") < html.index("나 ·")
    assert f'<option value="{written(SEOUL)}">' in html
    assert written(Place(-0.5, 1e-7)) == "-0.500000, 0.000000"


@pytest.mark.parametrize(
    ("km", "said"), [(0.04, "0.0 km"), (9.94, "9.9 km"), (9.96, "10 km"), (12.4, "12 km"), (8961.2, "8,961 km")]
)
def test_kilometres_are_told_as_finely_as_they_matter(km, said):
    assert kilometres(km) == said


# ----------------------------------------------------------------------------------------------------------- the answer


def mount_routes(app, services) -> None:
    app.router.routes += ROUTES


@pytest.fixture
def guest(open_demo, tmp_path) -> TestClient:
    path = tmp_path / "list.csv"
    path.write_text(LIST)
    browser = open_demo(mount_routes, clinics=path)
    assert browser.post("/v1/guest").status_code == 200
    return browser


def test_the_form_is_answered_with_a_part_of_the_page_in_the_readers_language(guest):
    answer = guest.post("/clinics", data={"place": "37.5663, 126.9779"})
    assert answer.status_code == 200
    assert answer.text.index("Near") < answer.text.index("Far")
    assert "0.4 km" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "Website" in answer.text
    assert "홈페이지" in guest.post("/clinics", data={"place": "37 127"}, headers={"accept-language": "ko"}).text
    guest.cookies.set("language", "ko")
    assert "홈페이지" in guest.post("/clinics", data={"place": "37 127"}).text


@pytest.mark.parametrize("place", ["", "Seoul", "126, 37", "<b>", "1" * 10_000])
def test_what_is_no_place_is_refused_in_words(guest, place):
    answer = guest.post("/clinics", data={"place": place})
    assert answer.status_code == 422
    assert "Please enter latitude and longitude" in answer.text
    assert "<b>" not in answer.text


def test_a_place_is_neither_logged_nor_stored(guest, caplog):
    caplog.set_level(logging.DEBUG)
    place = {"latitude": 12.345678, "longitude": 98.765432}
    assert guest.post("/clinics", data={"place": "12.345678, 98.765432"}).status_code == 200
    assert guest.post("/v1/clinics", json=place).status_code == 200
    assert guest.post("/v1/clinics", json=place | {"longitude": 987.65432}).status_code == 422
    assert "POST /clinics 200" in caplog.text
    ours = "\n".join(record.getMessage() for record in caplog.records)
    assert "12.345" not in ours
    assert "98.765" not in ours
    guest.app.state.services.store.truncate_log()
    for file in guest.app.state.services.settings.data.rglob("*"):
        assert file.is_dir() or b"12.345" not in file.read_bytes()


def test_strangers_and_demos_without_a_list_get_nothing(guest, open_demo):
    place = {"place": "37 127"}
    guest.cookies.clear()
    assert guest.post("/clinics", data=place).status_code == 401
    without = open_demo(mount_routes)
    without.post("/v1/guest")
    answer = without.post("/v1/clinics", json={"latitude": 37, "longitude": 127})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_clinics")


def test_programs_get_the_nearest_with_their_distances(guest):
    first, second = guest.post("/v1/clinics", json={"latitude": 37.5663, "longitude": 126.9779}).json()
    assert first == {
        "name": "Near",
        "latitude": 37.57,
        "longitude": 126.9779,
        "phone": "02-123-4567",
        "address": "1 Street",
        "url": "https://near.example/",
        "km": pytest.approx(0.411, abs=0.001),
    }
    assert second["km"] == pytest.approx(325, abs=1)
    example = guest.get("/v1/openapi.json").json()["paths"]["/v1/clinics"]["post"]["responses"]["200"]
    assert set(example["content"]["application/json"]["example"][0]) == set(first)


@pytest.mark.parametrize(
    "place", [{"latitude": 91, "longitude": 0}, {"latitude": 1}, {"latitude": "x", "longitude": 0}]
)
def test_programs_are_told_what_is_no_place(guest, place):
    answer = guest.post("/v1/clinics", json=place)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
