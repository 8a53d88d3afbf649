"""The parts of the page as HTML: the right words at the right place, in both languages, and nothing unescaped."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import pytest

from multiskin.derived import Condition, Derived
from multiskin.explain.geometry import WHOLE
from multiskin.explain.photos import HeadExplanation
from multiskin.schema import Attribute, Schema
from multiskin.serve.advice import Advice
from multiskin.serve.default_model import Progress
from multiskin.serve.history import Point
from multiskin.serve.page.panels import show_head, show_hint, show_message, show_training, show_tray
from multiskin.serve.page.past import show_comparison, show_past
from multiskin.serve.page.result import band_of, meaning, show_report
from multiskin.serve.quality import Quality
from multiskin.serve.report import AttributeReport, DerivedReport, Photo, PhotoReport, Report
from multiskin.serve.sessions import Session
from multiskin.serve.store import Result
from multiskin.serve.texts import words

EN, KO, SILENT = words("en"), words("ko"), Advice()
EVIL = "<img src=x onerror=alert(1)>"
PIXELS = np.full((20, 30, 3), 128, np.uint8)
GOOD = Quality(80, 0, 1, 2, 1)
SHINE = Attribute("shine", 5, display={"en": "Shine", "ko": "광택"}, lowest={"en": "matt"}, highest={"en": EVIL})
LINES = Attribute("lines", 3, meanings={"en": ("none", "some", "many"), "ko": ("없음", "조금", "많음")})
KIND = Attribute("kind", 3, kind="nominal", grade_names=("dry", EVIL, "oily"))


class Elements(HTMLParser):
    """What elements there are, and what is in them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def of(self, name: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of a class."""
        return [attributes for _, attributes in self.tags if name in (attributes.get("class") or "").split()]


def explained(attribute: Attribute, grade: int, strongest: float) -> HeadExplanation:
    place = np.zeros((2, 2), np.float32)
    place[0, 0] = strongest
    return HeadExplanation(attribute, grade, float(grade), float(grade), place, WHOLE)


@pytest.fixture
def report():
    """One attribute that is scored, one that does not apply, and one without order."""
    return Report(
        (
            AttributeReport(SHINE, 3, 2.7, (0.0, 0.1, 0.3, 0.4, 0.2), 0.4, applies=True, counted=(0, 1)),
            AttributeReport(LINES, why_not=("blurred", "part")),
            AttributeReport(KIND, 1, None, (0.2, 0.7, 0.1), 0.7, applies=True, counted=(0,)),
        ),
        (
            PhotoReport(
                "a", EVIL, PIXELS, GOOD, {"shine": explained(SHINE, 0, 1.0), "kind": explained(KIND, 1, 1.0)}, ()
            ),
            PhotoReport("b", "chin", PIXELS, GOOD, {"shine": explained(SHINE, 3, 2.0)}, ("blurred",)),
        ),
        "model",
    )


def test_a_report_says_score_band_grade_and_reason(report):
    shown = Elements(show_report(report, SILENT, EN))
    assert len(shown.of("ms-card")) == 3
    assert len(shown.of("ms-off")) == 1
    assert len(shown.of("ms-bar")) == 5 + 3
    assert len(shown.of("ms-chosen")) == 2
    for said in (
        "2.7",
        "of 4",
        "high",
        "Grade 3, 40 % likely",
        "2 of 2 photos",
        "1 of 2 photos",
        f" {EVIL}, 70 % likely",
    ):
        assert said in shown.text
    assert "No score here: the photo is blurred, it is not scored on this part of the face." in shown.text
    assert "Photo 2: The photo is blurred" in shown.text
    assert "adds much" in shown.text  # two units stand side by side


@pytest.mark.parametrize(
    ("number", "likely", "said"),
    [
        (0, (2, 3, 4), "Likely 2 to 4"),
        (0, (3,), ""),
        (0, (0, 1, 2, 3, 4), "Any grade is possible"),
        (2, (1, 2), f"Likely one of: {EVIL}, "),
        (2, None, ""),
    ],
)
def test_a_report_says_between_which_grades_the_true_one_is(report, number, likely, said):
    attributes = list(report.attributes)
    attributes[number] = replace(attributes[number], likely=likely)
    text = Elements(show_report(replace(report, attributes=tuple(attributes)), SILENT, EN)).text
    assert said in text
    assert bool(said) == ("Likely" in text or "Any grade" in text)


def test_a_map_lies_where_there_is_something_to_show(report):
    shown = Elements(show_report(report, SILENT, EN))
    stacks = shown.of("ms-stack")
    assert [stack["data-head"] for stack in stacks] == ["0", "0", "1", "1", "2", "2"]
    assert len(shown.of("ms-map")) == 2  # shine in the second photo, kind in the first
    assert all(map_["src"].startswith("data:image/png;base64,") for map_ in shown.of("ms-map"))
    spoken = [photo["aria-label"] for photo in shown.of("ms-photo")]
    assert spoken[0] == "Photo 1 with the map of Shine. no evidence found"
    assert spoken[2] == "Photo 1 with the map of lines. not scored in this photo"
    [first] = [attributes for tag, attributes in shown.tags if tag == "input" and "checked" in attributes]
    assert first["value"] == "0"  # the strongest


@pytest.mark.parametrize("words_", [EN, KO], ids=["en", "ko"])
def test_what_comes_from_outside_is_no_html(report, words_):
    result = Result(
        account_id=1,
        when=datetime.now(UTC),
        model="m",
        age=3,
        sex="other",
        report=report.to_dict(),
        scores=[],
        photos=[],
    )
    result.id = 1
    result.report["attributes"][0]["name"] = EVIL
    for html in (
        show_report(report, SILENT, words_),
        show_tray([Photo(PIXELS, EVIL)], words_),
        show_head(Session("s", 1, EVIL), "tab", words_),
        show_hint(EVIL, words_) + show_message(EVIL, "error", words_),
        show_message(EVIL, "error", words_),
        show_training(Progress("failed", message=EVIL), True, words_),
        show_past([result], {EVIL: [Point(result.when, 1.0, 1, "m")]}, None, SILENT, words_),
        show_comparison([(result, []), (result, [])], None, words_),
    ):
        assert EVIL not in html
        assert "&lt;img" in html


def test_every_reason_why_a_click_came_to_nothing_has_its_words():
    code = files("multiskin.serve.page").joinpath("html", "page.js").read_text(encoding="utf-8")
    reasons = set(re.findall(r'(?:tell\(|[?:] )"(\w+)"', code))
    assert set(re.findall(r'data-ms-stop="(\w+)" hidden', show_head(Session("id"), "tab", EN))) == reasons


def test_korean_reports_are_korean(report):
    shown = Elements(show_report(report, SILENT, KO))
    for said in ("광택", "높음", "사진이 흐립니다", "/ 4"):
        assert said in shown.text


ADVICE = Advice({"shine": ({}, {}, {}, {"en": f"Wash. {EVIL}", "ko": f"씻으십시오. {EVIL}"}, {})})
RULES = (Condition("glossy", {"shine": (3, 4)}),)
LOOK = Derived(
    "look", RULES, "matt", {"en": "Look", "ko": "겉모습"}, {"glossy": {"en": f"Glossy {EVIL}", "ko": "윤기"}}
)


@pytest.mark.parametrize(("words_", "said"), [(EN, "Wash."), (KO, "씻으십시오.")], ids=["en", "ko"])
def test_advice_stands_on_the_card_of_the_decided_grade_and_is_no_diagnosis(report, words_, said):
    html = show_report(report, ADVICE, words_)
    shown = Elements(html)
    assert len(shown.of("ms-advice")) == 1
    assert shown.text.count(f"{said} {EVIL}") == 1
    assert shown.text.count(words_("advice.notice")) == 1
    card = html[html.index('data-attribute="shine"') : html.index('data-attribute="lines"')]
    assert said in card
    assert EVIL not in html
    wide = replace(report, attributes=(replace(report["shine"], likely=(0, 1, 2, 3, 4)), *report.attributes[1:]))
    assert f"{said} {EVIL}" in Elements(show_report(wide, ADVICE, words_)).text
    other = replace(report, attributes=(replace(report["shine"], grade=2), *report.attributes[1:]))
    assert not Elements(show_report(other, ADVICE, words_)).of("ms-advice")


def test_history_tells_the_advice_on_the_newest_result_alone():
    newest, oldest = results([3.0, 2.0])[::-1]
    html = show_past([newest, oldest], trend_of([newest, oldest]), Schema((SHINE,)), ADVICE, EN)
    assert Elements(html).text.count(f"Wash. {EVIL}") == 1
    assert EN("advice.notice") in html
    assert EVIL not in html
    assert EN("advice.notice") not in show_past([oldest, newest], trend_of([newest]), None, ADVICE, EN)


def test_what_follows_from_the_grades_stands_above_the_cards(report):
    for words_, title, label in ((EN, "Look", f"Glossy {EVIL}"), (KO, "겉모습", "윤기")):
        html = show_report(replace(report, derived=(DerivedReport(LOOK, "glossy"),)), SILENT, words_)
        text = Elements(html).text
        assert text.index(title) < text.index(label) < text.index("2.7")
        assert EVIL not in html
    lacking = show_report(replace(report, derived=(DerivedReport(LOOK, None),)), SILENT, EN)
    assert EN("result.needs_more") in lacking
    assert not Elements(show_report(report, SILENT, EN)).of("ms-derived")


def test_what_followed_stands_in_the_history_and_beside_another_date():
    first, second = results([1.0, 3.0])[::-1]
    first.report["derived"], second.report["derived"] = {"look": "matt"}, {"look": "glossy"}
    known = Schema((SHINE,), (LOOK,))
    for schema, title, label in ((known, "Look", f"Glossy {EVIL}"), (None, "look", "glossy")):
        text = Elements(show_past([second, first], {}, schema, SILENT, EN)).text
        assert text.index(title) < text.index(label) < text.index("3.0") < text.index("matt") < text.index("1.0")
        text = Elements(show_comparison([(first, []), (second, [])], schema, EN)).text
        assert text.index(title) < text.index("matt") < text.index(label)
    second.report["derived"] = {"look": None}
    assert "<td>–</td>" in show_past([second], {}, known, SILENT, EN)


def test_nothing_yet_is_an_invitation():
    assert Elements(show_report(None, SILENT, EN)).of("ms-empty")


@pytest.mark.parametrize("grades", [2, 3, 5, 11])
def test_bands_share_the_range_evenly(grades):
    shares = np.linspace(0, 1, 500, endpoint=False)
    bands = [band_of(share * (grades - 1), grades) for share in shares]
    assert np.bincount(bands).tolist() == [100] * 5
    assert band_of(grades - 1, grades) == 4


def test_a_grade_means_what_the_schema_says_or_lies_between_its_ends():
    assert [meaning(LINES, grade, KO) for grade in range(3)] == ["없음", "조금", "많음"]
    assert meaning(SHINE, 2, EN) == f"0 means matt; 4 means {EVIL}."
    assert meaning(KIND, 1, EN) == ""


def results(scores, models="mmmmmm") -> list[Result]:
    """One a day, newest first."""
    made = []
    for day, (score, model) in enumerate(zip(scores, models, strict=False)):
        attribute = AttributeReport(SHINE, round(score), score, (0.2,) * 5, 0.2, applies=True, counted=(0,))
        when = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
        report = Report((attribute,), (), model).to_dict()
        made.append(
            Result(account_id=1, when=when, model=model, age=None, sex=None, report=report, scores=[], photos=[])
        )
        made[-1].id = day
    return made[::-1]


def trend_of(saved) -> dict[str, list[Point]]:
    return {
        "shine": [Point(each.when, each.report["attributes"][0]["score"], 0, each.model) for each in reversed(saved)]
    }


def test_a_curve_rises_with_the_scores_and_keeps_the_time_between():
    saved = results([0.0, 4.0, 1.0])
    html = show_past(saved, trend_of(saved), None, SILENT, EN)
    [points] = re.findall(r'polyline points="([^"]*)"', html)
    x, y = np.array([point.split(",") for point in points.split()], float).T
    assert x[1] - x[0] == pytest.approx(x[2] - x[1])
    assert y[0] - y[1] == pytest.approx(4 * (y[0] - y[2]), abs=0.5)  # down is more on a screen
    shown = Elements(html)
    assert len([tag for tag, _ in shown.tags if tag == "circle"]) == 3
    assert "+1.0" in shown.text
    assert re.findall(r'data-result="(\d)"', html) == ["2", "1", "0"]


@pytest.mark.parametrize(
    ("models", "lengths", "change"),
    [("aaaa", [4], "+4.0"), ("aabb", [2, 2], "+2.0"), ("abaa", [1, 1, 2], "+2.0"), ("aaab", [3, 1], "")],
)
@pytest.mark.parametrize("words_", [EN, KO], ids=["en", "ko"])
def test_a_curve_joins_only_what_one_model_scored_and_says_so(models, lengths, change, words_):
    saved = results([0.0, 1.0, 2.0, 4.0], models)
    html = show_past(saved, trend_of(saved), None, SILENT, words_)
    lines = re.findall(r'polyline points="([^"]*)"', html)
    assert [len(line.split()) for line in lines] == lengths
    assert re.findall(r"<em>([^<]*)</em>", html) == ([change] if change else [])
    assert (words_("past.broken") in html) == (len(lengths) > 1)
    spoken = re.findall(r'aria-label="shine: ([^"]*)"', html)
    assert [len(re.findall(r": \d", stretch)) for stretch in spoken[0].split("–")] == lengths


def test_two_dates_of_different_models_are_not_compared():
    new, old = results([3.0, 1.5], "ab")
    html = show_comparison([(old, []), (new, [])], None, EN)
    assert re.findall(r"[−+±]?\d\.\d", Elements(html).text) == ["3.0", "1.5"]
    assert EN("past.two_models") in html


def test_one_result_is_a_point_without_a_change():
    saved = results([2.0])
    shown = Elements(show_past(saved, trend_of(saved), None, SILENT, EN))
    assert "±" not in shown.text
    assert Elements(show_past([], {}, None, SILENT, EN)).of("ms-empty")


def test_a_curve_holds_the_points_of_models_with_fewer_and_with_more_grades():
    new, old = results([4.0, 1.0])
    new.report["attributes"][0]["probabilities"] = [0.5, 0.5]
    heights = re.findall(
        r'<circle cx="[^"]*" cy="([^"]*)"', show_past([new, old], trend_of([new, old]), None, SILENT, EN)
    )
    assert len(heights) == 2
    assert all(0 < float(height) < 120 for height in heights)


def test_what_was_saved_without_order_is_called_by_its_name_as_long_as_that_is_known():
    [saved] = results([2.0])
    saved.report["attributes"][0] |= {"name": "kind", "grade": 2, "score": None}
    for schema, said in ((Schema((KIND,)), "oily"), (Schema((SHINE,)), "2"), (None, "2")):
        assert [
            each.strip() for each in re.findall("<td>([^<]+)</td>", show_past([saved], {}, schema, SILENT, EN))
        ] == [said]


def test_two_dates_stand_side_by_side_with_what_changed():
    new, old = results([3.0, 1.5])
    shown = Elements(show_comparison([(old, []), (new, [])], None, EN))
    assert re.findall(r"[−+±]?\d\.\d", shown.text) == ["3.0", "1.5", "−1.5"]


@pytest.mark.parametrize(
    ("progress", "offered", "buttons"),
    [
        (Progress("absent"), True, ["start"]),
        (Progress("absent"), False, []),
        (Progress("drawing"), True, ["stop"]),
        (Progress("learning", 0.4, timedelta(minutes=3)), True, ["stop"]),
        (Progress("learning", 0.4, timedelta(minutes=3)), False, []),
        (Progress("stopped"), True, ["start"]),
        (Progress("failed", message="no room"), True, ["start"]),
        (Progress("finished", 1.0), True, []),
    ],
)
def test_a_training_offers_what_can_be_done(progress, offered, buttons):
    shown = Elements(show_training(progress, offered, EN))
    assert [each["data-training"] for _, each in shown.tags if "data-training" in each] == buttons
    assert ("About 3 min left." in shown.text) == (progress.left is not None)
    assert ("no room" in shown.text) == bool(progress.message)
