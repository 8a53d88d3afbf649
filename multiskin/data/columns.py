"""Guesses the role of a table's column from its heading and its values."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import pandas as pd

from multiskin.data.images import SUFFIXES
from multiskin.data.validation import SPELLINGS, numeral

Role = Literal["image", "split", "group", "subject", "part", "ordinal", "nominal", "other"]
Scale = tuple[str, ...]  # every grade as the table writes it, lowest first

HIGHEST_GRADE = 10  # larger whole numbers are counts, ages or measurements
MOST_CLASSES = 20  # a column with more distinct texts than this is free text

PERSON = "subject|patient|person|participant|volunteer|individual|user|customer|피험자|대상자|참가자|환자|고객"
# A heading matches as a whole, after plain(): in lower case, with underscores between words. The first match counts.
HEADINGS: dict[Role, str] = {
    "group": rf"(({PERSON})_)?(sex|gender|age(_(group|band|range|years|approx))?|(\w+_)?skin_?(tone|type|colou?r)"
    r"|fitzpatrick(_\w+)?|ethnicity|ethnic_group|race|nationality|성별|나이|연령대?|피부_?(톤|타입|색)|인종|국적)",
    "subject": rf"(id_?)?({PERSON})(_?(id|no|num|number|code|key|name|idx|index|번호))?|pid|(lesion|face)_?id",
    "part": r"((face|facial|body|scalp)_?)?(part|region|site|location)|(face|body)_area|locali[sz]ation|anatom\w*"
    r"|((얼굴|신체|촬영)_?)?부위",
    "other": r"(\w+_)?(id|idx|index|date|time|width|height|번호|날짜)|(file_?)?name|no|number|row|code|year|month|day"
    r"|fold|split|subset|visit|session|camera|device|rater|grader|annotator|이름|회차|unnamed_\d+|index_level_\d+"
    r"|",  # and headings without a letter or digit
}
MAYBE_SUBJECT = r"id|name|code|key|이름|번호"

LADDERS: tuple[Scale, ...] = (
    ("no", "yes"),
    ("false", "true"),
    ("absent", "present"),
    ("negative", "positive"),
    ("mild", "moderate", "severe"),
    ("none", "mild", "moderate", "severe"),
    ("none", "slight", "moderate", "severe"),
    ("none", "slight", "moderate", "marked"),
    ("absent", "mild", "moderate", "severe"),
    ("normal", "mild", "moderate", "severe"),
    ("clear", "almost clear", "mild", "moderate", "severe"),
    ("none", "minimal", "mild", "moderate", "severe"),
    ("none", "very mild", "mild", "moderate", "severe"),
    ("none", "mild", "moderate", "severe", "very severe"),
    ("low", "medium", "high"),
    ("low", "moderate", "high"),
    ("very low", "low", "medium", "high", "very high"),
    ("small", "medium", "large"),
    ("poor", "fair", "good", "excellent"),
    ("아니오", "예"),
    ("음성", "양성"),
    ("하", "중", "상"),
    ("낮음", "보통", "높음"),
    ("적음", "보통", "많음"),
    ("약함", "보통", "심함"),
    ("없음", "약함", "보통", "심함"),
    ("경증", "중등도", "중증"),
    ("양호", "경증", "중등도", "중증"),
    ("정상", "경증", "중등도", "중증"),
    ("없음", "경증", "중등도", "중증"),
)


@dataclass(frozen=True)
class Column:
    """A heading, its distinct values, and the number of cells that are not blank; blanks are not values."""

    heading: str
    values: frozenset[str]
    filled: int

    @classmethod
    def read(cls, heading: str, cells: pd.Series) -> "Column":
        filled = [numeral(cell) for cell in cells if cell]
        return cls(heading, frozenset(filled), len(filled))

    @cached_property
    def role(self) -> Role:
        """The first role that fits; a telling heading takes precedence over numbers that look like grades."""
        if not self.values:
            return "other"
        if self.holds_photos:
            return "image"
        if len(self.values) > 1 and {value.casefold() for value in self.values} <= SPELLINGS.keys():
            return "split"
        for role, pattern in HEADINGS.items():
            if re.fullmatch(pattern, plain(self.heading)):
                return role
        if self.scales:
            return "ordinal"
        return "nominal" if self.holds_classes else "other"

    @property
    def holds_photos(self) -> bool:
        return 2 * sum(value.lower().endswith(SUFFIXES) for value in self.values) > len(self.values)

    @property
    def holds_classes(self) -> bool:
        """Whether it holds few distinct texts, each at least twice on average."""
        few = 2 <= len(self.values) <= min(MOST_CLASSES, self.filled // 2)
        return few and not any(_is_number(value) for value in self.values)

    @property
    def maybe_subject(self) -> bool:
        """Whether a column such as 'id' or 'name' has repeated values, like those of a person photographed twice."""
        return len(self.values) < self.filled and bool(re.fullmatch(MAYBE_SUBJECT, plain(self.heading)))

    @cached_property
    def scales(self) -> list[Scale]:
        """The ordinal scales that the values may belong to, likeliest first; empty if they are not grades."""
        if self.values <= set(numbers(0, HIGHEST_GRADE)):
            return _number_scales({int(value) for value in self.values})
        return _word_scales(self.values)

    @property
    def why_other(self) -> str:
        """Why the column is not used."""
        if len(self.values) < 2:
            return "blank" if not self.values else "the same value everywhere"
        if re.fullmatch(HEADINGS["other"], plain(self.heading)):
            return "not a grade, by its heading"
        if any(_is_number(value) for value in self.values):
            return f"not all whole numbers from 0 to {HIGHEST_GRADE}"
        return "too many different texts"


def words(heading: str) -> str:
    """A heading with spaces between its words: 'skin-Tone' and 'skinTone' become 'skin Tone'."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", heading)
    return re.sub(r"[\W_]+", " ", parted).strip()


def plain(heading: str) -> str:
    return words(heading).lower().replace(" ", "_")


def numbers(lowest: int, highest: int) -> Scale:
    return tuple(str(grade) for grade in range(lowest, highest + 1))


def scale_label(scale: Scale) -> str:
    return f"{scale[0]}..{scale[-1]}" if scale[0].isdecimal() else " < ".join(scale)


def _is_number(value: str) -> bool:
    """Whether it is a number, with a decimal point or a decimal comma."""
    try:
        float(value.replace(",", "."))
    except ValueError:
        return False
    return True


def _number_scales(grades: set[int]) -> list[Scale]:
    """The scales that these numbers may belong to: several if the table has neither 0 nor 1, where scales start."""
    if len(grades) < 2:
        return []
    lowest, highest = min(grades), max(grades)
    starts = [lowest] if lowest < 2 else [1, 0, lowest]
    return [numbers(start, highest) for start in starts]


def _word_scales(values: frozenset[str]) -> list[Scale]:
    """The shortest of LADDERS that has all the words, spelled as in the table."""
    spelled = {value.casefold(): value for value in sorted(values)}
    ladders = [ladder for ladder in LADDERS if spelled.keys() <= set(ladder)]
    if len(spelled) < 2 or not ladders:
        return []
    cases = (str.lower, str.upper, str.capitalize, str.title)
    case = next((case for case in cases if all(case(value) == value for value in values)), str.lower)
    return [tuple(spelled.get(step, case(step)) for step in min(ladders, key=len))]
