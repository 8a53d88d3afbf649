import pandas as pd
import pytest
from PIL import Image

from multiskin.data.proposal import IGNORE, NONE, PREDICT, propose
from multiskin.errors import UserError
from multiskin.schema import RESERVED


class Answers:
    """An `ask` that gives the default unless a word of the question has an answer, and records the questions."""

    def __init__(self, answers=()):
        self.answers = dict(answers)
        self.asked = []

    def __call__(self, question, choices, default):
        assert default in choices
        self.asked.append((question, list(choices), default))
        answer = next((answer for word, answer in self.answers.items() if word in question), default)
        assert answer in choices
        return answer


@pytest.fixture
def proposed(tmp_path):
    """Proposes for a table of the given columns and a column of photos."""

    def of(columns, suffix=".csv", **answers):
        rows = max(map(len, columns.values()))
        table = pd.DataFrame({"image": [f"{row}.jpg" for row in range(rows)]} | columns)
        path = tmp_path / f"photos{suffix}"
        table.to_csv(path, index=False) if suffix == ".csv" else table.to_parquet(path)
        ask = Answers(answers)
        return propose(path, ask), ask.asked

    return of


FIVE = [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]
FOUR = [0, 1, 2, 3, 3, 0, 1, 2, 3, 3]


def kinds(proposal):
    return {attribute.name: (attribute.kind, attribute.grades) for attribute in proposal.schema}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_every_column_finds_its_place_without_a_question(proposed, suffix):
    proposal, asked = proposed(
        {
            "patientID": [f"p{row // 2}" for row in range(10)],
            "Oil": [0.0, None, 1.0, 2.0, 4.0, 3.0, None, 0.0, 1.0, 2.0],
            "redness": ["none", "mild", "", "severe", "mild", "none", "mild", "moderate", "", "mild"],
            "facepart": ["chin", "forehead"] * 5,
            "set": ["Train", "valid"] * 5,
            "gender": ["f", "m"] * 5,
            "age": [30, 31, 2, 3, 4, 5, 6, 7, 8, 9],
            "remark": [f"text {row}" for row in range(10)],
            "brightness": [row / 7 for row in range(10)],
            "visit": [1, 2] * 5,
        },
        suffix,
    )
    assert kinds(proposal) == {"Oil": ("ordinal", 5), "redness": ("ordinal", 4)}
    assert proposal.schema["redness"].grade_names == ("none", "mild", "moderate", "severe")
    columns = proposal.data.columns
    assert (columns.image, columns.split, columns.subject, columns.part) == ("image", "set", "patientID", "facepart")
    assert columns.groups == ["gender", "age"]
    assert columns.ignore == ["remark", "brightness", "visit"] == list(proposal.ignored)
    assert asked == []


@pytest.mark.parametrize(
    ("grades", "others", "choices", "default"),
    [
        (FOUR, [FIVE], ["0..3", "0..4"], "0..3"),
        (FOUR, [FIVE, FIVE], ["0..3", "0..4"], "0..4"),
        ([1, 2, 3, 4, 4], [FIVE, FIVE], ["1..4", "0..4"], "0..4"),
        ([2, 3, 4], [], ["1..4", "0..4", "2..4"], "1..4"),
        ([2, 3, 4], [FIVE, FIVE], ["1..4", "0..4", "2..4"], "0..4"),
        ([0, 1], [], ["0..1", IGNORE], "0..1"),
        ([0, 1], [FOUR], ["0..1", "0..3", IGNORE], IGNORE),
        (["mild", "severe", "moderate"], [["none", "mild", "moderate", "severe"]],
         ["mild < moderate < severe", "none < mild < moderate < severe"], "mild < moderate < severe"),
    ],
)  # fmt: skip
def test_grades_in_doubt_are_asked_for(proposed, grades, others, choices, default):
    blank = [None] * 10
    columns = {"doubt": (grades + blank)[:10]} | {f"other{i}": (other + blank)[:10] for i, other in enumerate(others)}
    _, asked = proposed(columns)
    assert [(options, chosen) for question, options, chosen in asked if "'doubt'" in question] == [(choices, default)]
    assert len(asked) == 1


def test_no_question_where_most_attributes_agree(proposed):
    proposal, asked = proposed({"a": FIVE, "b": FIVE, "count": [0, 1, 2, 3, 4, 5, 0, 1, 2, 3]})
    assert kinds(proposal) == {"a": ("ordinal", 5), "b": ("ordinal", 5), "count": ("ordinal", 6)}
    assert asked == []


def test_answers_decide(proposed):
    columns = {"a": FOUR, "b": FIVE, "flag": [0, 1] * 5, "dx": ["nv", "mel"] * 5}
    proposal, _ = proposed(columns, **{"'a'": "0..4", "'flag'": "0..1", "'dx'": PREDICT})
    assert kinds(proposal) == {"a": ("ordinal", 5), "b": ("ordinal", 5), "flag": ("ordinal", 2), "dx": ("nominal", 2)}
    proposal, _ = proposed(columns, **{"'flag'": IGNORE})
    assert kinds(proposal) == {"a": ("ordinal", 4), "b": ("ordinal", 5)}
    assert proposal.ignored == {"flag": "grades, not predicted", "dx": "classes, not predicted"}


def test_grades_from_one_are_named(proposed):
    proposal, asked = proposed({"oil": [1, 2, 3, 4, 5]})
    assert proposal.schema["oil"].grade_names == ("1", "2", "3", "4", "5")
    assert asked == []


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["Severe", "None", "Mild"], ("None", "Mild", "Moderate", "Severe")),
        (["중증", "양호", "경증"], ("양호", "경증", "중등도", "중증")),
        (["HIGH", "LOW", "MEDIUM"], ("LOW", "MEDIUM", "HIGH")),
        (["Very low", "High", "Medium"], ("Very low", "Low", "Medium", "High", "Very high")),
        (["Mild", "Very Severe"], ("None", "Mild", "Moderate", "Severe", "Very Severe")),
    ],
)
def test_words_of_a_known_order_are_sorted_by_it(proposed, words, names):
    proposal, _ = proposed({"oil": words})
    assert proposal.schema["oil"].ordinal
    assert proposal.schema["oil"].grade_names == names


def test_classes_are_predicted_where_nothing_is_ordered(proposed):
    proposal, asked = proposed({"dx": ["nv", "mel", "bcc"] * 3})
    assert kinds(proposal) == {"dx": ("nominal", 3)}
    assert proposal.schema["dx"].grade_names == ("bcc", "mel", "nv")
    assert [default for _, _, default in asked] == [PREDICT]


@pytest.mark.parametrize(
    "grades",
    [
        *([1] * 9, [-1, 0, 1] * 3, [0.5, 1, 2] * 3, [0, 1, 11] * 3),
        *([1, 2, "unknown"] * 3, ["0,0", "1,0", "2,5"] * 3, list("abcdefghi"), [None] * 9),
    ],
)
def test_other_values_are_no_grades(proposed, grades):
    proposal, asked = proposed({"oil": FOUR[:9], "other": grades})
    assert (list(proposal.ignored), asked) == (["other"], [])
    assert proposal.schema.names == ("oil",)


@pytest.mark.parametrize(
    ("heading", "name", "display"),
    [
        ("skin-tone evenness", "skin_tone_evenness", {"en": "Skin tone evenness", "ko": ""}),
        ("poreSize", "poreSize", {"en": "Pore Size", "ko": ""}),
        ("2nd score", "attribute_2nd_score", {"en": "2nd score", "ko": ""}),
        ("유분", "유분", {"en": "", "ko": "유분"}),
        ("미세 각질", "미세_각질", {"en": "", "ko": "미세 각질"}),
        ("mean", "mean_grade", {"en": "Mean", "ko": ""}),
    ],
)
def test_a_heading_that_is_no_name_gets_one(proposed, heading, name, display):
    proposal, _ = proposed({heading: FIVE})
    (attribute,) = proposal.schema
    assert (attribute.name, attribute.heading, attribute.display) == (name, heading, display)
    assert attribute.column == ("" if name == heading else heading)
    assert attribute.name not in RESERVED


def test_headings_that_become_the_same_name_are_told_apart(proposed):
    proposal, _ = proposed({"oil 1": FIVE, "oil-1": FIVE, "oil_1": FIVE})
    assert proposal.schema.names == ("oil_1", "oil_1_grade", "oil_1_2")
    assert [attribute.heading for attribute in proposal.schema] == ["oil 1", "oil-1", "oil_1"]


@pytest.mark.parametrize("last", ["score", "true", "low", "high", "p0"])
def test_no_attribute_gets_the_name_of_another_ones_column_of_predictions(proposed, last):
    proposal, _ = proposed({f"oil {last}": FIVE, "oil": FIVE})
    assert proposal.schema.names == (f"oil_{last}_grade", "oil")
    assert proposed({f"oil {last}": FIVE})[0].schema.names == (f"oil_{last}",)


@pytest.mark.parametrize(
    ("heading", "value", "reason"),
    [("patient", "", "blank"), ("sex", "", "blank"), ("set", "train", "the same value everywhere")],
)
def test_a_column_that_says_nothing_has_no_role(proposed, heading, value, reason):
    proposal, asked = proposed({"oil": FIVE, heading: [value] * 10})
    assert (proposal.ignored, asked) == ({heading: reason}, [])


def test_of_several_subjects_the_widest_is_the_default(proposed):
    columns = {"oil": FIVE, "lesion_id": list("abcdefghij"), "patient": list("aabbccddee")}
    proposal, asked = proposed(columns)
    assert [(choices, default) for _, choices, default in asked] == [(["patient", "lesion_id", NONE], "patient")]
    assert (proposal.data.columns.subject, proposal.data.columns.ignore) == ("patient", ["lesion_id"])
    proposal, _ = proposed(columns, person=NONE)
    assert (proposal.data.columns.subject, proposal.data.columns.ignore) == (None, ["lesion_id", "patient"])


def test_an_id_that_comes_back_may_be_the_subject(proposed):
    assert proposed({"oil": FIVE, "id": list("aabbccddee")})[0].data.columns.subject == "id"
    assert proposed({"oil": FIVE, "id": list("aabbccddee")}, **{"'id'": "no"})[0].data.columns.subject is None
    assert proposed({"oil": FIVE, "id": list("abcdefghij")})[0].data.columns.subject is None


def test_a_mask_beside_the_photo_is_asked_for(proposed):
    proposal, asked = proposed({"mask": [f"{row}.png" for row in range(10)], "oil": FIVE})
    assert [choices for _, choices, _ in asked] == [["image", "mask"]]
    assert (proposal.data.columns.image, proposal.data.columns.ignore) == ("image", ["mask"])


@pytest.mark.parametrize(("folder", "root"), [(".", "."), ("photos", "photos"), ("..", "..")])
def test_root_is_where_the_photos_are(tmp_path, folder, root):
    home = tmp_path / "home"
    for made in (home / "empty", home / folder):
        made.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(home / folder / "face.jpg")
    (home / "t.csv").write_text("file,oil\nface.jpg,0\nface.jpg,2\n")
    proposal = propose(home / "t.csv", Answers())
    where = tmp_path / "home" / proposal.data.root
    assert (where / "face.jpg").is_file()
    assert (where / proposal.data.manifest).samefile(home / "t.csv")
    assert where.resolve() == (home / root).resolve()
    assert proposal.photos_found


def test_photos_are_found_by_the_paths_of_a_table_written_on_windows(tmp_path):
    (tmp_path / "photos" / "first").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "photos" / "first" / "face.jpg")
    (tmp_path / "t.csv").write_text("file,oil\nfirst\\face.jpg,0\nfirst\\face.jpg,2\n")
    proposal = propose(tmp_path / "t.csv", Answers())
    assert proposal.photos_found
    assert proposal.data.root == (tmp_path / "photos").as_posix()


def test_photos_are_found_by_existing_where_no_suffix_tells(tmp_path):
    for name in ("face_a", "face_b"):
        Image.new("RGB", (4, 4)).save(tmp_path / name, format="PNG")
    (tmp_path / "t.csv").write_text("who,oil\nface_a,0\nface_b,2\n")
    assert propose(tmp_path / "t.csv", Answers()).data.columns.image == "who"


def test_photos_that_are_not_there_are_no_hindrance(proposed, tmp_path):
    proposal, _ = proposed({"oil": FIVE})
    assert (proposal.photos_found, proposal.data.root) == (False, tmp_path.as_posix())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"", "empty"),
        (b"image,oil\n", "no row below"),
        ("image,유분\na.jpg,1\n".encode("cp949"), "UTF-8"),
        (b"image,oil\na.jpg,1,2\n", "row 2: 3 cells under 2 headings"),
        (b"image,oil,oil\na.jpg,1,2\n", "column oil: duplicate heading"),
        (b"name,oil\nKim,1\nLee,2\n", r"no column of photos among 'name', 'oil'; add one"),
        (b"image,note\na.jpg,x\nb.jpg,y\n", r"nothing to grade among 'image', 'note'; add a column"),
    ],
)
def test_errors_say_what_and_where(tmp_path, content, message):
    path = tmp_path / "photos.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=message) as error:
        propose(path, Answers())
    assert str(path) in str(error.value)


def test_a_damaged_parquet_file_is_an_error(tmp_path):
    (tmp_path / "photos.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(UserError, match=r"photos\.parquet"):
        propose(tmp_path / "photos.parquet", Answers())
