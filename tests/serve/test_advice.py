"""Advice is what its file says of a grade, in both languages; a file that says anything else is one message."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from multiskin.errors import UserError
from multiskin.schema import LANGUAGES, Attribute, Schema
from multiskin.serve.advice import Advice, read_advice
from multiskin.serve.report import AttributeReport, Report

ROOT = Path(__file__).parents[2]
NAMES = ("dry", "semi-dry", "oily")
SCHEMA = Schema((Attribute("shine", 5), Attribute("lines", 3), Attribute("kind", 3, "nominal", grade_names=NAMES)))
TEXT = {"en": "Rest.", "ko": "쉬십시오."}
FLOW = "{en: Rest., ko: 쉬십시오.}"


@pytest.fixture
def read(tmp_path):
    def read(content: str | bytes) -> Advice:
        path = tmp_path / "advice.yaml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_advice(path, SCHEMA)

    return read


def grades(advice: Advice, name: str) -> list[int]:
    """Those that something is said of."""
    count = SCHEMA[name].grades
    return [grade for grade in range(count) if advice.of(name, grade, count)]


@pytest.mark.parametrize(
    ("span", "expected"),
    [("0", [0]), ("4", [4]), ('"0-1"', [0, 1]), ("3-4", [3, 4]), ("0 - 4", [0, 1, 2, 3, 4]), ("2-2", [2])],
)
def test_a_span_stands_for_its_grades(read, span, expected):
    advice = read(f"shine: {{{span}: {FLOW}}}")
    assert grades(advice, "shine") == expected
    assert advice.of("shine", expected[0], 5) == TEXT
    assert grades(advice, "lines") == []


def test_grades_with_names_are_called_by_them(read):
    assert grades(read(f"kind: {{semi-dry: {FLOW}}}"), "kind") == [1]
    assert grades(read(f"kind: {{dry-semi-dry: {FLOW}}}"), "kind") == [0, 1]
    with pytest.raises(UserError, match="not one of its grades; give one of dry, semi-dry, oily"):
        read(f"kind: {{1: {FLOW}}}")


@given(st.data())
def test_every_grade_gets_the_text_of_its_span_and_no_other(tmp_path_factory, data):
    cuts = sorted(data.draw(st.sets(st.integers(1, 4))))
    spans = list(zip([0, *cuts], [cut - 1 for cut in [*cuts, 5]], strict=True))
    kept = data.draw(st.lists(st.sampled_from(spans), unique=True))
    path = tmp_path_factory.mktemp("advice") / "a.yaml"
    path.write_text(yaml.safe_dump({"shine": {f"{a}-{b}": {"en": f"{a}-{b}", "ko": "가"} for a, b in kept}}))
    advice = read_advice(path, SCHEMA)
    for grade in range(5):
        said = [f"{a}-{b}" for a, b in kept if a <= grade <= b]
        assert [advice.of("shine", grade, 5).get("en")] == (said or [None])


def test_a_byte_order_mark_and_windows_line_ends_are_taken(read):
    assert grades(read(b"\xef\xbb\xbf" + f"shine:\r\n  0: {FLOW}\r\n".encode()), "shine") == [0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "give texts by attribute"),
        ("- shine", "give texts by attribute"),
        (f"shiny: {{0: {FLOW}}}", "unknown attribute 'shiny': did you mean 'shine'"),
        (f"5: {{0: {FLOW}}}", "unknown attribute 5"),
        ("shine: Rest.", "shine: 'Rest.'; give texts by grade"),
        (f"shine: {{5: {FLOW}}}", "shine: '5' is not one of its grades; give one of 0, 1, 2, 3, 4"),
        (f"shine: {{-1: {FLOW}}}", "'-1' is not one"),
        (f"shine: {{3-5: {FLOW}}}", "'3-5' is not one"),
        (f"shine: {{4-3: {FLOW}}}", "'4-3' is not one"),
        (f"shine: {{1.5: {FLOW}}}", "'1.5' is not one"),
        (f"shine: {{true: {FLOW}}}", "'True' is not one"),
        (f"shine: {{null: {FLOW}}}", "'None' is not one"),
        (f"shine: {{0-2: {FLOW}, 2-4: {FLOW}}}", "shine: 2-4: duplicate advice for grade 2"),
        (f"shine: {{0: {FLOW}, '0': {FLOW}}}", "duplicate advice for grade 0"),
        (f"shine: {{0: {FLOW}}}\nshine: {{1: {FLOW}}}", "'shine' appears twice in .*line 2"),
        (f"shine:\n  0: {FLOW}\n  0: {FLOW}", "'0' appears twice in .*line 3"),
        ("shine: {0: {en: Rest.}}", "shine: 0: ko: None; give a text in each language"),
        ("shine: {0: {en: Rest., ko: ' '}}", "0: ko: ' '"),
        ("shine: {0: {en: 5, ko: 쉬십시오.}}", "0: en: 5"),
        ("shine: {0: {en: [Rest.], ko: 쉬십시오.}}", "0: en: "),
        ("shine: {0: {en: a, ko: b, de: c}}", "shine: 0: unknown language 'de'"),
        ("shine: {0: Rest.}", "shine: 0: 'Rest.'; give a text in each language"),
        ("shine: {0: {en: 2024-99-99, ko: b}}", "not readable as YAML"),
        ("shine: {0", "not readable as YAML"),
        ("shine:\n  0: {en: Rest., ko: 쉬십시오}".encode("cp949"), "line 2 is not UTF-8"),
        ("? [a, b]\n: c", "unknown attribute|not readable"),
        ("!!python/object/apply:os.system [ls]", "not readable as YAML"),
    ],
)
def test_what_is_no_advice_is_one_message_with_its_place(read, content, said):
    with pytest.raises(UserError, match=said) as raised:
        read(content)
    assert "advice.yaml: " in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_one_message(tmp_path):
    with pytest.raises(UserError, match=r"--advice .*none.yaml: No such file"):
        read_advice(tmp_path / "none.yaml", SCHEMA)


def report(grade: int) -> Report:
    shares = {name: (1 / SCHEMA[name].grades,) * SCHEMA[name].grades for name in SCHEMA.names}
    shine = AttributeReport(SCHEMA["shine"], grade, 2.0, shares["shine"], 0.2, (0, 1, 2, 3, 4), True)
    return Report((shine, AttributeReport(SCHEMA["lines"], why_not=("dark",))), (), "model")


def test_an_answer_tells_the_advice_for_the_decided_grade_and_that_it_is_no_diagnosis(read):
    advice = read(f"shine: {{3: {FLOW}}}\nlines: {{0-2: {FLOW}}}")
    told = advice.answer(report(3).to_dict())["advice"]
    assert told["attributes"] == {"shine": TEXT}  # lines has no grade
    assert set(told["notice"]) == set(LANGUAGES)
    assert "not a diagnosis" in told["notice"]["en"]
    assert "진단" in told["notice"]["ko"]
    assert advice.answer(report(2).to_dict()) == {}
    assert Advice().answer(report(3).to_dict()) == {}


def test_grades_of_a_model_that_counts_others_get_no_advice(read):
    advice = read(f"shine: {{0-4: {FLOW}}}")
    assert advice.of("shine", 1, 4) == {}
    assert advice.of("other", 1, 5) == {}


@pytest.mark.parametrize(
    ("name", "schema"), [("skin5", "multiskin/embedded/schema.yaml"), ("scalp", "configs/schemas/scalp.yaml")]
)
def test_the_examples_speak_of_every_grade_in_both_languages(name, schema):
    schema = Schema.load(ROOT / schema)
    advice = read_advice(ROOT / "configs" / "advice" / f"{name}.yaml", schema)
    for attribute in schema:
        said = [advice.of(attribute.name, grade, attribute.grades) for grade in range(attribute.grades)]
        assert all(set(text) == set(LANGUAGES) for text in said)
        assert any("가" <= letter <= "힣" for letter in said[0]["ko"])
        assert "doctor" in said[-1]["en"] or "dermatologist" in said[-1]["en"]
        assert "피부과" in said[-1]["ko"] or "의사" in said[-1]["ko"]
