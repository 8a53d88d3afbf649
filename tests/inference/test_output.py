"""Output files contain the predictions, one per line."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from multiskin.errors import UserError
from multiskin.inference.output import check_output, open_output, write_csv, write_json_lines, writer_for
from multiskin.inference.predictor import PhotoResult, Prediction
from multiskin.schema import Attribute, Schema

SCHEMA = Schema((Attribute("shine", 5), Attribute("주름", 3), Attribute("kind", 2, kind="nominal")))
SHARES = [[0.1, 0.2, 0.3, 0.25, 0.15], [0.5, 0.2, 0.3, 0, 0], [1 / 3, 2 / 3, 0, 0, 0]]
GOOD = Prediction(
    grades=np.array([[2, 0, 1]]),
    scores=np.array([[2.15, 0.8, np.nan]], np.float32),
    probabilities=np.array([SHARES], np.float32),
)
RESULTS = [
    PhotoResult("사진/김, 이마.png", GOOD),
    PhotoResult("b.png", None, 'b.png: "damaged", or cut short'),
    PhotoResult("c.png", GOOD._replace(grades=np.array([[4, 2, 0]]))),
]


def test_csv_reads_back_to_the_same_numbers() -> None:
    file = io.StringIO(newline="")
    assert write_csv(RESULTS, SCHEMA, file) == 1
    file.seek(0)
    good, bad, last = csv.DictReader(file)
    assert list(good) == [
        *("image", "shine", "shine_score", *(f"shine_p{grade}" for grade in range(5))),
        *("주름", "주름_score", "주름_p0", "주름_p1", "주름_p2", "kind", "kind_p0", "kind_p1", "error"),
    ]
    assert [line["image"] for line in (good, bad, last)] == [result.path for result in RESULTS]
    for h, attribute in enumerate(SCHEMA):
        assert good[attribute.name] == str([2, 0, 1][h])
        assert last[attribute.name] == str([4, 2, 0][h])
        for grade in range(attribute.grades):
            assert float(good[f"{attribute.name}_p{grade}"]) == pytest.approx(SHARES[h][grade], abs=1e-6)
    assert float(good["shine_score"]) == pytest.approx(2.15, abs=1e-6)
    assert good["error"] == ""
    assert bad.pop("image") == "b.png"
    assert bad.pop("error") == 'b.png: "damaged", or cut short'
    assert set(bad.values()) == {""}


def test_json_lines_read_back_to_the_same_numbers() -> None:
    file = io.StringIO()
    assert write_json_lines(RESULTS, SCHEMA, file) == 1
    text = file.getvalue()
    assert "사진/김, 이마.png" in text  # as people read it, not as \uc0ac
    good, bad, last = (json.loads(line, parse_constant=pytest.fail) for line in text.splitlines())
    assert list(good) == ["image", "shine", "주름", "kind"]
    assert good["shine"]["score"] == pytest.approx(2.15, abs=1e-6)
    assert "score" not in good["kind"]
    for h, attribute in enumerate(SCHEMA):
        assert good[attribute.name]["grade"] == [2, 0, 1][h]
        assert good[attribute.name]["probabilities"] == pytest.approx(SHARES[h][: attribute.grades], abs=1e-6)
    assert bad == {"image": "b.png", "error": 'b.png: "damaged", or cut short'}
    assert [last[attribute.name]["grade"] for attribute in SCHEMA] == [4, 2, 0]


SETS = np.array([[[False, True, True, True, False], [True, False, False, False, False], [True, True, *[False] * 3]]])


def test_sets_of_grades_are_written_after_the_grades() -> None:
    results, file = [RESULTS[0]._replace(sets=SETS), RESULTS[1]], io.StringIO(newline="")
    writer_for(None, with_sets=True)(results, SCHEMA, file)
    file.seek(0)
    good, bad = csv.DictReader(file)
    told = {name: good[name] for name in ("shine_low", "shine_high", "주름_low", "주름_high", "kind_set")}
    assert told == {"shine_low": "1", "shine_high": "3", "주름_low": "0", "주름_high": "0", "kind_set": "0 1"}
    assert bad["shine_low"] == bad["kind_set"] == ""
    file = io.StringIO()
    writer_for("out.jsonl", with_sets=True)(results, SCHEMA, file)
    line = json.loads(file.getvalue().splitlines()[0])
    assert [line[attribute.name]["set"] for attribute in SCHEMA] == [[1, 2, 3], [0], [0, 1]]


@pytest.mark.parametrize("name", ["결과.csv", "결과.jsonl", "OUT.CSV"])
def test_rows_are_on_disk_as_soon_as_they_are_written(name: str, tmp_path: Path) -> None:
    """The file is read while it is still open, since a killed process does not close it."""
    path = tmp_path / name
    seen = []

    def results() -> Iterator[PhotoResult]:
        for result in RESULTS:
            yield result
            seen.append(path.read_text(encoding="utf-8"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), open_output(str(path)) as file:
        writer_for(str(path), with_sets=False)(results(), SCHEMA, file)
    for written, result in zip(seen, RESULTS, strict=True):
        last = written.splitlines()[-1]
        assert result.path in last
        assert written.endswith("\n")
    assert path.read_text(encoding="utf-8") == seen[-1]


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_a_file_name_that_is_not_utf_8_is_written_with_its_bytes_escaped(name: str, tmp_path: Path) -> None:
    photo = "용.jpg".encode("cp949").decode("utf-8", "surrogateescape")  # as Python reads such a name from a folder
    with open_output(str(tmp_path / name)) as file:
        writer_for(name, with_sets=False)([PhotoResult(photo, GOOD)], SCHEMA, file)
    assert r"\udcbf\udceb.jpg" in (tmp_path / name).read_text(encoding="utf-8")


def test_standard_output_gets_csv(capsys: pytest.CaptureFixture) -> None:
    with open_output(None) as file:
        writer_for(None, with_sets=False)(RESULTS, SCHEMA, file)
        assert not file.closed
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(RESULTS)


@pytest.mark.parametrize("name", ["out.txt", "out", "csv"])
def test_an_unknown_suffix_is_an_error(name: str) -> None:
    with pytest.raises(UserError, match=rf"--out {name}: .*\.csv or \.jsonl"):
        check_output(name)


@pytest.mark.parametrize("place", ["no/such/folder/out.csv", "."])
def test_a_file_that_cannot_be_written_is_an_error(place: str, tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match=r"--out .*: (No such file|Is a directory).*; name a file"),
        open_output(str(tmp_path / place)),
    ):
        pytest.fail("opened")


def test_derived_labels_are_written_after_the_grades() -> None:
    rules = [{"label": "rough", "when": {"주름": [1, 2]}}]
    content = SCHEMA.to_dict() | {"derived": [{"name": "type", "rules": rules, "otherwise": "smooth"}]}
    file, lines = io.StringIO(newline=""), io.StringIO()
    write_csv(RESULTS, Schema.from_dict(content), file)
    file.seek(0)
    assert [line["type"] for line in csv.DictReader(file)] == ["smooth", "", "rough"]
    write_json_lines(RESULTS, Schema.from_dict(content), lines)
    assert [json.loads(line).get("type") for line in lines.getvalue().splitlines()] == ["smooth", None, "rough"]


def test_standard_output_is_flushed_line_by_line_and_takes_every_name(capfd):
    with open_output(None) as file:
        assert file.line_buffering
        assert file.errors == "backslashreplace"
