"""Clinics are read as spreadsheets write them, and found by how near they truly are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.errors import UserError
from multiskin.serve.clinics import Clinic, Place, read_clinics
from multiskin.serve.nearby import RADIUS, bearing, distance, nearest, read_place

SEOUL, BUSAN = Place(37.5663, 126.9779), Place(35.1798, 129.0750)
PLACES = st.builds(Place, st.floats(-90, 90), st.floats(-180, 180))
HEAD = "name,latitude,longitude,phone"


# --------------------------------------------------------------------------------------------------------- the distance


def vector(place: Place) -> np.ndarray:
    """On the unit sphere."""
    latitude, longitude = np.radians(place)
    return np.array([np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)])


def angle(first: Place, second: Place) -> float:
    """Between two vectors, exact for small and for large ones."""
    a, b = vector(first), vector(second)
    return float(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b))


@settings(deadline=None)
@given(PLACES, PLACES)
def test_distances_are_angles_between_vectors(first, second):
    # Where places are antipodes a haversine is 1 but for rounding, which costs half of the digits.
    assert distance(first, second) == pytest.approx(RADIUS * angle(first, second), abs=0.2, rel=1e-9)
    assert distance(first, second) == distance(second, first)
    assert distance(first, first) == 0


@settings(deadline=None)
@given(PLACES, st.floats(-1e-4, 1e-4), st.floats(-1e-4, 1e-4))
def test_a_few_metres_are_exact(place, north, east):
    other = Place(min(max(place.latitude + north, -90), 90), min(max(place.longitude + east, -180), 180))
    assert distance(place, other) == pytest.approx(RADIUS * angle(place, other), abs=1e-6)


def test_known_distances():
    assert distance(SEOUL, BUSAN) == pytest.approx(325, abs=1)
    assert distance(Place(0, 0), Place(90, 0)) == pytest.approx(10007.557, abs=0.001)
    assert distance(Place(0, 179.9), Place(0, -179.9)) == pytest.approx(22.24, abs=0.01)


@settings(deadline=None)
@given(st.builds(Place, st.floats(-89, 89), st.floats(-180, 180)), PLACES)
def test_a_bearing_is_the_direction_in_the_plane_that_touches_the_earth(first, second):
    a, b = vector(first), vector(second)
    east = np.cross([0, 0, 1], a)
    east /= np.linalg.norm(east)
    towards = b - (a @ b) * a
    if np.linalg.norm(towards) > 1e-6:
        turned = np.radians(bearing(first, second))
        expected = towards / np.linalg.norm(towards)
        assert np.sin(turned) * east + np.cos(turned) * np.cross(a, east) == pytest.approx(expected, abs=1e-6)


@settings(deadline=None)
@given(st.lists(PLACES, min_size=1, max_size=30), PLACES, st.integers(1, 12))
def test_the_nearest_are_the_first_of_all_by_distance(places, here, most):
    clinics = [Clinic(str(number), place) for number, place in enumerate(places)]
    found = nearest(clinics, here, most)
    expected = sorted(range(len(places)), key=lambda i: distance(here, places[i]))[:most]
    assert [int(near.clinic.name) for near in found] == expected
    assert [near.km for near in found] == [distance(here, places[i]) for i in expected]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("37.5665, 126.9780", Place(37.5665, 126.978)),
        (" 37.5665 126.9780 ", Place(37.5665, 126.978)),
        ("-33.9,18", Place(-33.9, 18)),
        ("37,5665, 126", None),
        ("126.9780, 37.5665", None),  # no latitude
        ("37", None),
        ("nan, 5", None),
        ("1e1, 5", None),
        ("٣٧, 126", None),
        ("", None),
        ("1, 2" * 9999, None),
    ],
)
def test_a_place_is_read_as_maps_write_it(text, place):
    assert read_place(text) == place


# ------------------------------------------------------------------------------------------------------------- the list


@pytest.fixture
def read(tmp_path):
    def read(content: str | bytes) -> tuple[Clinic, ...]:
        path = tmp_path / "list.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_clinics(path)

    return read


KOREAN = 'name,latitude,longitude,phone,address,url\n맑은피부과,37.57,126.98,02-123-4567,"종로 1, 2층",https://a.kr/\n'


@pytest.mark.parametrize(
    "content",
    [KOREAN.encode(), KOREAN.encode("utf-8-sig"), KOREAN.encode("cp949"), KOREAN.replace("\n", "\r\n").encode()],
)
def test_spreadsheets_of_any_kind_are_read(read, content):
    clinic = Clinic("맑은피부과", Place(37.57, 126.98), "02-123-4567", "종로 1, 2층", "https://a.kr/")
    assert read(content) == (clinic,)
    assert clinic.dialled == "021234567"


def test_columns_in_any_order_with_others_between_and_blank_rows_and_cells(read):
    content = "phone , id,longitude,name,latitude\n,7,126.98,A,37.57\n,,,,\n\n+82 (2) 123.4567,8,0,B,-1\n"
    first, second = read(content)
    assert first == Clinic("A", Place(37.57, 126.98))
    assert second.place == Place(-1, 0)
    assert second.dialled == "+8221234567"


def test_clinics_of_one_name_or_in_one_house_are_two(read):
    assert len(read(f"{HEAD}\nA,1,1,\nA,2,2,\nB,1,1,")) == 3


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("A,,1,", "row 2, column latitude: blank; give degrees between -90 and 90"),
        ("A,1,,", "row 2, column longitude: blank"),
        ("A,126.98,37.57,", "row 2, column latitude: 126.98 is not between -90 and 90; is it latitude first"),
        ("A,1,180.1,", "row 2, column longitude: 180.1 is not between"),
        ("A,nan,1,", "row 2, column latitude: nan is not between"),
        ("A,1,inf,", "row 2, column longitude: inf is not between"),
        ('A,"37,5",1,', "row 2, column latitude: 37,5 is not a number; give degrees with a decimal point"),
        (",1,1,", "row 2, column name: blank"),
        ("A,1,1,call us", "row 2, column phone: call us is not a phone number"),
        ("A,1,1,javascript:1", "row 2, column phone"),
        ("A,1,1,+", "row 2, column phone"),
        ("A,1,1,,5", "row 2: 5 cells for 4 headings"),
        ("A,1,1", "row 2: 3 cells for 4 headings"),
        ("A,1,1,\n\na,1.0,1,02", "row 4: the same clinic as in row 2"),
        ("", "no rows below the headings"),
    ],
)
def test_a_row_that_cannot_be_is_named(read, rows, said):
    with pytest.raises(UserError, match=r"^--clinics .*list.csv: ") as raised:
        read(f"{HEAD}\n{rows}\n")
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "ftp://a.kr", "//a.kr", "a.kr", "https://", "http://[", "https://a.kr/ b"]
)
def test_only_pages_are_linked(read, url):
    with pytest.raises(UserError, match=r"row 2, column url: .*begin with https://"):
        read(f"{HEAD},url\nA,1,1,,{url}\n")


def test_all_problems_are_told_at_once_in_the_order_of_rows(read):
    with pytest.raises(UserError) as raised:
        read(f"{HEAD}\nA,1,1,,5\nB,99,1,x\nC,1,1,,,\nC,1,1,\n")
    first, *lines = str(raised.value).splitlines()
    assert first.endswith("4 problems; correct the list")
    assert [line.partition("row ")[2][0] for line in lines] == ["2", "3", "3", "5"]
    with pytest.raises(UserError, match="30 more"):
        read(f"{HEAD}\n" + "A,99,1,\n" * 80)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no column name, latitude, longitude, phone among the headings \\(found none\\)"),
        (b"name,lat,lng,phone\nA,1,1,", "no column latitude, longitude among .*found name, lat, lng, phone"),
        (b"name;latitude;longitude;phone\nA;1;1;", "separated by commas"),
        (b"name,name,latitude,longitude,phone\n", "duplicate heading name"),
        (b'name,latitude,longitude,phone\n"A,1,1,', "line 2: unexpected end of data; check the quotation marks"),
        (b"\xff\xfen\x00a\x00\x81", "neither UTF-8 nor CP949"),
    ],
)
def test_what_is_no_list_is_one_message(read, content, said):
    with pytest.raises(UserError, match=said):
        read(content)


def test_a_list_that_is_not_there_is_one_message(tmp_path):
    with pytest.raises(UserError, match=r"--clinics .*none.csv: No such file"):
        read_clinics(tmp_path / "none.csv")
