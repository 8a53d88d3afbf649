import pytest

from multiskin.data.adapters.mapping import Mapping
from multiskin.data.adapters.source import NotReadError, Source
from multiskin.errors import UserError
from multiskin.schema import Attribute, Schema

SCHEMA = Schema((Attribute("shine", 3), Attribute("lines", 2)))
GOOD = {"attributes": {"shine": "a.b", "lines": ["c"]}}


@pytest.mark.parametrize(
    ("document", "read"),
    [
        ({"a": {"b": 2}}, "2"),
        ({"a": {"b": " 2.0 "}}, "2.0"),
        ({"a": {"b": None}}, ""),
        ({"a": None}, ""),
        ({}, ""),
        ({"a": "Er"}, "Er"),
        ({"a": ["x", "y"]}, ""),
    ],
)
def test_a_value_is_found_by_its_keys(document, read):
    assert Source("a.b", {}).read(document) == read


def test_a_number_counts_in_a_list():
    assert Source("a.1", {}).read({"a": ["x", "y"]}) == "y"
    assert Source("a.7", {}).read({"a": ["x", "y"]}) == ""


def test_values_are_written_otherwise():
    source = Source.from_dict({"field": "a", "values": {0: "low", 1.0: None, "x": 3}}, "here")
    assert [source.read({"a": value}) for value in (0, "0.0", 1, "x")] == ["low", "low", "", "3"]
    with pytest.raises(NotReadError, match="a is 2"):
        source.read({"a": 2})


@pytest.mark.parametrize("descending", [False, True])
def test_bins_count_the_limits_that_a_value_reaches(descending):
    source = Source.from_dict({"field": "a", "bins": [10, 20.5], "descending": descending}, "here")
    for value in (-5, 9.99, 10, 20, 20.5, 1e9):
        reached = sum(value >= limit for limit in (10, 20.5))
        assert source.read({"a": value}) == str(2 - reached if descending else reached)


def test_bins_have_names():
    source = Source.from_dict({"field": "a", "bins": [30], "names": ["young", "old"]}, "here")
    assert [source.read({"a": age}) for age in (29, "30")] == ["young", "old"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "give a mapping with 'attributes'"),
        ({"attributes": []}, "give a mapping with 'attributes'"),
        ({**GOOD, "group": {}}, "unknown key 'group': did you mean 'groups'"),
        ({"attributes": {"shine": "a"}}, "attributes: lines: no field"),
        ({"attributes": {"shine": "a", "lines": "b", "glow": "c"}}, "unknown attribute 'glow'"),
        ({"attributes": {"shine": {"bins": [1, 2]}, "lines": "b"}}, "is not a source"),
        ({"attributes": {"shine": {"field": "a", "bin": [1]}, "lines": "b"}}, "unknown key 'bin'"),
        ({"attributes": {"shine": {"field": "a", "bins": [1]}, "lines": "b"}}, "1 bins for 3 grades; give 2"),
        ({"attributes": {"shine": {"field": "a", "bins": [2, 1]}, "lines": "b"}}, "each above the one before"),
        ({"attributes": {"shine": {"field": "a", "bins": [1, "x"]}, "lines": "b"}}, "each above the one before"),
        ({"attributes": {"shine": {"field": "a", "bins": 1}, "lines": "b"}}, "bins is 1; give a list"),
        ({"attributes": {"shine": {"field": "a", "values": [1]}, "lines": "b"}}, "values is"),
        ({**GOOD, "groups": ["sex"]}, "groups is"),
        ({**GOOD, "groups": {"age": {"field": "a", "bins": [1], "names": ["x"]}}}, "1 names for 2 bins"),
        ({**GOOD, "folders": {"x": "glow"}}, "unknown attribute 'glow'"),
        (
            {**GOOD, "part": {"field": "p", "values": {0: "face"}}, "whole": ["fase"]},
            "unknown part 'fase': did you mean",
        ),
        (
            {
                "attributes": {"shine": {"field": "a", "parts": ["x"]}, "lines": "b"},
                "part": {"field": "p", "values": {0: "y"}},
            },
            "unknown part 'x'",
        ),
        ({**GOOD, "subject": ["a"]}, "subject: ..a.. is not a source"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(content, message):
    with pytest.raises(UserError, match=message):
        Mapping.from_dict(content, SCHEMA, "mapping")


def test_a_file_that_is_no_yaml_is_named(tmp_path):
    path = tmp_path / "mapping.yaml"
    path.write_text("a: [")
    with pytest.raises(UserError, match=r"mapping .*not readable as YAML"):
        Mapping.load(path, SCHEMA)
