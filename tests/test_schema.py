"""A schema survives a round trip through YAML whatever its texts are, and mistakes in one are reported."""

from dataclasses import FrozenInstanceError
from importlib.resources import files

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.errors import UserError
from multiskin.schema import LANGUAGES, RESERVED, Attribute, Schema

names = st.from_regex(r"[^\W\d]\w{0,12}", fullmatch=True).filter(lambda name: name not in RESERVED)
texts = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=9)  # what a person can type on a line
words = st.dictionaries(st.sampled_from(["en", "ko"]), texts)


def sentences(k):
    return st.dictionaries(st.sampled_from(["en", "ko"]), st.lists(texts, min_size=k, max_size=k).map(tuple))


@st.composite
def attributes(draw):
    k = draw(st.integers(2, 7))
    return Attribute(
        name=draw(names),
        grades=k,
        kind=draw(st.sampled_from(["ordinal", "nominal"])),
        display=draw(words),
        lowest=draw(words),
        highest=draw(words),
        column=draw(names.map("{} (0..K)".format) | st.just("")),
        grade_names=tuple(draw(st.just([]) | st.lists(texts, min_size=k, max_size=k, unique=True))),
        lips=draw(st.booleans()),
        meanings=draw(sentences(k)),
        fine=draw(st.booleans()),
    )


schemas = st.lists(
    attributes(),
    min_size=1,
    max_size=4,
    unique_by=(lambda attribute: attribute.name, lambda attribute: attribute.heading),
).map(lambda several: Schema(tuple(several)))


@settings(max_examples=40, deadline=None)
@given(schemas)
def test_a_schema_survives_yaml(tmp_path_factory, schema):
    path = tmp_path_factory.getbasetemp() / "schema.yaml"
    schema.save(path)
    assert Schema.load(path) == schema
    assert Schema.load(path).to_dict() == schema.to_dict()
    assert Schema.load(str(path)).names == schema.names
    assert Schema.from_dict(schema.to_dict()) == schema


def test_a_file_as_a_person_writes_it(tmp_path):
    (tmp_path / "schema.yaml").write_text(
        """
        attributes:
          - name: oil
            grades: 5
            display: {en: Oil, ko: 유분}
            lowest: dry
            column: 유분 (0-4)
          - {name: 주름, grades: 3}
          - {name: tone, kind: nominal, grade_names: [1, 2, 3, 4]}
        """,
        encoding="utf-8",
    )
    oil, wrinkle, tone = schema = Schema.load(tmp_path / "schema.yaml")
    assert schema.names == ("oil", "주름", "tone")
    assert len(schema) == 3
    assert (oil.grades, wrinkle.grades, tone.grades) == (5, 3, 4)
    assert schema.max_grades == 5
    assert [attribute.ordinal for attribute in schema] == [True, True, False]
    assert [attribute.heading for attribute in schema] == ["유분 (0-4)", "주름", "tone"]
    assert (oil.title(), oil.title("ko"), wrinkle.title("ko")) == ("Oil", "유분", "주름")
    assert oil.lowest == {"en": "dry"}
    assert oil.highest == {}
    assert [oil.grade_label(0), tone.grade_label(0)] == ["0", "1"]
    assert schema["주름"] is wrinkle
    assert schema.index("tone") == 2


def test_a_saved_file_is_readable(tmp_path):
    """Any alphabet as it is, the name first, and no defaults."""
    Schema((Attribute("oil", 5, display={"ko": "유분"}), Attribute("주름", 3))).save(tmp_path / "schema.yaml")
    assert (tmp_path / "schema.yaml").read_text(encoding="utf-8").splitlines() == [
        "attributes:",
        "- name: oil",
        "  kind: ordinal",
        "  grades: 5",
        "  display:",
        "    ko: 유분",
        "- name: 주름",
        "  kind: ordinal",
        "  grades: 3",
    ]


def test_a_title_falls_back_to_english_and_to_the_name():
    assert Attribute("fine_lines", 3, display={"en": "Fine lines"}).title("ko") == "Fine lines"
    assert Attribute("fine_lines", 3).title("ko") == "fine lines"


def test_a_meaning_falls_back_to_english_and_to_nothing():
    lines = Attribute("lines", 2, meanings={"en": ("None.", "Some.")})
    assert [lines.meaning(grade, "ko") for grade in range(2)] == ["None.", "Some."]
    assert (
        Attribute("lines", 2, meanings={"en": ("None.", "Some."), "ko": ("없음.", "있음.")}).meaning(1, "ko") == "있음."
    )
    assert Attribute("lines", 2, meanings={"ko": ("없음.", "있음.")}).meaning(1) == ""
    assert Attribute("lines", 2).meaning(1) == ""


def test_meanings_without_a_language_are_english():
    lines = Attribute.from_dict({"name": "lines", "grades": 2, "meanings": ["None.", "Some."], "fine": True})
    assert lines.meanings == {"en": ("None.", "Some.")}
    assert lines.fine


def test_meanings_and_fine_may_change_in_a_resumed_run():
    """No weight depends on them."""
    assert Attribute("lines", 2) == Attribute("lines", 2, meanings={"en": ("None.", "Some.")}, fine=True)
    assert Attribute("lines", 2) != Attribute("lines", 2, lips=True)


def test_the_embedded_schema_has_meanings_in_both_languages():
    for attribute in Schema.load(files("multiskin") / "embedded" / "schema.yaml"):
        for language in LANGUAGES:
            meanings = attribute.meanings[language]
            assert len(set(meanings)) == attribute.grades
            assert all(sentence.endswith(".") for sentence in meanings)


def test_a_schema_is_immutable():
    with pytest.raises(FrozenInstanceError):
        Attribute("oil", 5).grades = 6
    with pytest.raises(FrozenInstanceError):
        Schema((Attribute("oil", 5),)).attributes = ()


# Mistakes


@pytest.mark.parametrize("name", ["유분", "oil", "Oil2", "_oil", "fine_lines", "피부_유분", "é", "meaning", "Image"])
def test_names_of_any_alphabet(name):
    assert Schema((Attribute(name, 2),))[name].name == name


@pytest.mark.parametrize("name", ["", "1st", "fine lines", "fine-lines", "a.b", "a/b", "oil ", "oil\n", "*", 3, True])
def test_a_name_is_an_identifier(name):
    with pytest.raises(UserError, match=r"a name consists of letters, digits and underscores.*'column'"):
        Attribute(name, 5)


@pytest.mark.parametrize("name", RESERVED)
def test_reserved_names(name):
    with pytest.raises(UserError, match=f"attribute '{name}': .* are reserved"):
        Attribute(name, 5)


@pytest.mark.parametrize("grades", [1, 0, -5, 2.0, "5", None, True, 1001, 1_000_000_000])
def test_there_are_two_to_a_thousand_grades(grades):
    with pytest.raises(UserError, match=r"attribute 'oil': grades is .*; give the number of grades, 2 to 1000$"):
        Attribute("oil", grades)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"name": "oil", "grade": 5}, r"attribute 'oil': unknown key 'grade': did you mean 'grades'\?"),
        ({"name": "oil"}, "grades is 0"),
        ({"name": "oil", "grades": 5, "kind": "ordnal"}, r"unknown kind 'ordnal': did you mean 'ordinal'\?"),
        ({"name": "oil", "grades": 5, "kind": []}, r"unknown kind \[\]"),
        ({"name": "oil", "grades": 3, "grade_names": ["a", "b"]}, "2 grade_names for 3 grades; name each one"),
        ({"name": "oil", "grade_names": ["a", "b", "a"]}, "a name appears twice in grade_names"),
        ({"name": "oil", "grade_names": [1, "1"]}, "a name appears twice in grade_names"),
        ({"name": "oil", "grade_names": "low, high"}, "grade_names is 'low, high'; give a list"),
        ({"name": "oil", "grades": 5, "display": {"kr": "유분"}}, r"attribute 'oil': display: unknown language 'kr'"),
        ({"name": "oil", "grades": 5, "highest": ["wet"]}, r"highest: give a text by language"),
        ({"grades": 5}, "an attribute is a mapping with at least 'name' and 'grades'"),
        (
            {"name": "oil", "grades": 2, "fine": "yes"},
            "fine is 'yes'; give true if a blurred or small photo does not show it",
        ),
        (
            {"name": "oil", "grades": 3, "meanings": {"en": ["a", "b"]}},
            "2 meanings in 'en' for 3 grades; give one sentence",
        ),
        ({"name": "oil", "grades": 2, "meanings": {"kr": ["a", "b"]}}, "meanings: unknown language 'kr'"),
        ({"name": "oil", "grades": 2, "meanings": {"en": "a"}}, "meanings: give a list by language"),
        ({"name": "oil", "grades": 2, "meanings": "a"}, "meanings: give a list by language"),
        ("oil", "an attribute is a mapping with at least 'name' and 'grades', found 'oil'"),
        (None, "found None"),
    ],
)
def test_a_mistake_in_an_attribute_is_reported_with_the_file(entry, said, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"attributes": [entry]}, allow_unicode=True), encoding="utf-8")
    with pytest.raises(UserError, match=said) as caught:
        Schema.load(path)
    assert str(caught.value).startswith("schema")


@pytest.mark.parametrize("content", [None, [], "oil", {}, {"attributes": None}, {"attributes": {"oil": 5}}])
def test_content_that_is_not_a_schema(content):
    with pytest.raises(UserError, match="my file: a schema is a mapping with a list 'attributes'"):
        Schema.from_dict(content, "my file")


def test_a_schema_has_attributes_and_nothing_else():
    with pytest.raises(UserError, match="no attribute; list at least one"):
        Schema.from_dict({"attributes": []})
    with pytest.raises(UserError, match="unknown key 'attribute'"):
        Schema.from_dict({"attributes": [], "attribute": []})


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (Attribute("oil", 3), "name 'oil' appears twice"),
        (Attribute("fat", 3, column="oil"), "heading 'oil' appears twice"),
    ],
)
def test_names_and_headings_are_unique(second, said):
    with pytest.raises(UserError, match=said):
        Schema((Attribute("oil", 5), second))


def test_an_unknown_attribute_is_named():
    schema = Schema((Attribute("oil", 5), Attribute("wrinkle", 5)))
    for find in (schema.index, schema.__getitem__):
        with pytest.raises(UserError, match=r"unknown attribute 'winkle': did you mean 'wrinkle'\?"):
            find("winkle")


@pytest.mark.parametrize("content", [b"attributes: [", b"\xff\xfe\x00", b"a: 1\n\tb: 2"])
def test_a_file_that_is_not_yaml_is_named(content, tmp_path):
    (tmp_path / "schema.yaml").write_bytes(content)
    said = r"schema .*schema\.yaml: (not readable as YAML: |line 1 is not UTF-8; )"
    with pytest.raises(UserError, match=said) as caught:
        Schema.load(tmp_path / "schema.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", ["nowhere.yaml", "."])
def test_a_missing_file_is_named(place, tmp_path):
    with pytest.raises(UserError, match=r"^schema .*; name the schema's file under 'schema'"):
        Schema.load(tmp_path / place)


@pytest.mark.parametrize("other", ["oil_score", "oil_true", "oil_p0", "oil_p4"])
def test_no_attribute_has_the_name_of_another_ones_column_of_predictions(other):
    with pytest.raises(UserError, match=f"'{other}' is a column of 'oil'"):
        Schema((Attribute("oil", 5), Attribute(other, 3)))
    Schema((Attribute("oil", 5), Attribute("oil_p5", 3)))


@pytest.mark.parametrize(
    ("place", "entry"),
    [
        ("name", "{name: on, grades: 2}"),
        ("grade_names", "{name: acne, grade_names: [no, yes]}"),
        ("column", "{name: acne, grades: 2, column: No}"),
        ("lowest: en", "{name: acne, grades: 2, lowest: {en: no}}"),
        ("highest", "{name: acne, grades: 2, highest: yes}"),
        ("meanings: en", "{name: acne, grades: 2, meanings: [no, yes]}"),
    ],
)
def test_words_that_yaml_reads_as_booleans_have_to_be_quoted(place, entry):
    with pytest.raises(UserError, match=f"{place}: YAML reads yes, no.* quote them"):
        Attribute.from_dict(yaml.safe_load(entry))


def test_texts_that_are_left_blank_count_as_missing():
    attribute = Attribute.from_dict(yaml.safe_load("{name: oil, grades: 2, display: {en: , ko: 유분}, column: }"))
    assert (attribute.title(), attribute.title("ko"), attribute.heading) == ("oil", "유분", "oil")


def test_a_heading_may_be_the_number_0():
    assert Attribute.from_dict({"name": "oil", "grades": 2, "column": 0}).heading == "0"
