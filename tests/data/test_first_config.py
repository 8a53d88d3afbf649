import csv
from dataclasses import fields, is_dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonargparse import ArgumentParser
from PIL import Image

from multiskin.config import FitConfig
from multiskin.data.first_config import write
from multiskin.data.manifest import load_manifest
from multiskin.data.proposal import propose
from multiskin.errors import UserError
from multiskin.metrics.ordinal import GradeMetrics, summarise
from multiskin.schema import Schema


def default(question, choices, answer):
    return answer


def parsed(path):
    """The file as the command line reads it, every value checked against its annotation."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(FitConfig, "fit")
    return parser.instantiate(parser.parse_object({"fit": yaml.safe_load(path.read_text("utf-8"))})).fit


@pytest.fixture
def photos(tmp_path):
    """A folder of photos and a table whose headings and grades are as awkward as real ones."""
    headings = ["file", "patient id", "oil: T-zone #1", "유분", "redness", "smile", "no", "fold"]
    grades = [["1", "0", "None", "0"], ["5", "", "Mild", "1"], ["", "4", "Severe", "0"], ["3", "2.0", "", "1"]]
    rows = []
    for number, (oil, sebum, redness, smile) in enumerate(grades):
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.new("RGB", (4, 4), (number, 0, 0)).save(tmp_path / "photos" / f"{number}.png")
        rows.append([f"{number}.png", f"p{number // 2}", oil, sebum, redness, smile, str(number), str(number)])
    with (tmp_path / "photos.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([headings, *rows])
    return tmp_path / "photos.csv"


def test_what_is_written_reads_the_table_it_was_made_from(photos, tmp_path):
    schema_file, config_file = write(propose(photos, default), tmp_path / "out")
    config, schema = parsed(config_file), Schema.load(schema_file)
    manifest, problems = load_manifest(config.data, schema)
    assert problems == []
    assert schema.names == ("oil_T_zone_1", "유분", "redness")
    assert manifest.grades.tolist() == [[0, 0, 0], [4, -1, 1], [-1, 4, 3], [2, 2, -1]]
    assert manifest.subject.tolist() == ["p0", "p0", "p1", "p1"]
    assert (config_file.parent / config.schema).samefile(schema_file)


def test_the_files_are_for_people(photos, tmp_path):
    schema, config = (path.read_text("utf-8") for path in write(propose(photos, default), tmp_path))
    assert 'lowest: {en: "", ko: ""}  # what grade 0 means\n' in schema
    assert 'highest: {en: "", ko: ""}  # what grade 4 means\n' in schema
    assert "    - fold  # not a grade, by its heading\n" in config
    assert "backbone: efficientnet_b0" in config
    assert "input_size: 224" in config
    assert "NO PHOTO" not in config
    assert "recipe:\n  decision: credit  # the grade with the highest expected P-Recall" in config


def test_long_lists_stay_on_their_line(tmp_path):
    classes = [f"diagnosis of kind {letter}" for letter in "abcdefghij"]
    (tmp_path / "t.csv").write_text("\n".join(["image,dx", *(f"{i}.jpg,{dx}" for i, dx in enumerate(classes * 2))]))
    schema = write(propose(tmp_path / "t.csv", default), tmp_path)[0].read_text("utf-8")
    assert f"    grade_names: [{', '.join(classes)}]  # as in the table\n" in schema


def test_a_folder_without_photos_is_pointed_out(photos, tmp_path):
    for path in (tmp_path / "photos").iterdir():
        path.unlink()
    assert "NO PHOTO WAS FOUND FROM HERE" in write(propose(photos, default), tmp_path)[1].read_text("utf-8")


def test_a_split_is_set_up_only_where_the_table_has_none(tmp_path):
    def data_of(table):
        (tmp_path / "t.csv").write_text(table)
        return yaml.safe_load(write(propose(tmp_path / "t.csv", default), tmp_path, overwrite=True)[1].read_text())[
            "data"
        ]

    assert data_of("image,oil\na.jpg,0\nb.jpg,2\n")["split"] == {"ratios": [0.7, 0.2, 0.1], "seed": 0}
    assert "split" not in data_of("image,oil,split\na.jpg,0,train\nb.jpg,2,val\n")


def test_classes_alone_are_monitored_by_a_number_that_they_have(tmp_path):
    (tmp_path / "t.csv").write_text("image,dx\na.jpg,nv\nb.jpg,nv\nc.jpg,mel\nd.jpg,mel\n")
    schema_file, config_file = write(propose(tmp_path / "t.csv", default), tmp_path)
    metrics = GradeMetrics(Schema.load(schema_file))
    numbers = summarise(metrics.confusion, metrics.rps_sums, metrics.schema)
    assert parsed(config_file).trainer.monitor in {f"val/{name}" for name in numbers}
    assert "recipe:" not in config_file.read_text()


def test_files_are_not_overwritten_by_accident(photos, tmp_path):
    proposal = propose(photos, default)
    (tmp_path / "config.yaml").write_text("mine")
    with pytest.raises(UserError, match=r"config\.yaml exists already"):
        write(proposal, tmp_path)
    assert (tmp_path / "config.yaml").read_text() == "mine"
    assert not (tmp_path / "schema.yaml").exists()
    write(proposal, tmp_path, overwrite=True)
    assert parsed(tmp_path / "config.yaml").data.columns.image == "file"


def test_a_folder_that_cannot_be_made_is_an_error(photos, tmp_path):
    with pytest.raises(UserError, match="choose a writable folder"):
        write(propose(photos, default), photos / "inside")


def assert_options(content, kind):
    """Every key of the content is a field of the dataclass, down to the leaves."""
    types = {field.name: field.type for field in fields(kind)}
    assert set(content) <= set(types)
    for key, value in content.items():
        if is_dataclass(types[key]):
            assert_options(value, types[key])


PRINTABLE = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
BREAKING = ["null", "yes", "~", "- a", "a: b", "# c", "{x", "[y", "'", '"', "a\nb", "a\x85b", "a\u2028b", "1e3", "="]
AWKWARD = st.sampled_from([*BREAKING, "age", "id", "image", "mean"])
CELLS = [
    st.sampled_from(["", "0", "1", "2", "4.0"]),
    st.sampled_from(["a.jpg", "b.PNG", "c/d.jpeg"]),
    st.sampled_from(["none", "Mild", "severe", ""]),
    st.sampled_from(["yes", "no"]),
    st.sampled_from(["train", "val", "x"]),
    st.integers(-2, 12).map(str),
    AWKWARD | PRINTABLE,
]


@st.composite
def tables(draw):
    """Mostly valid tables with arbitrary headings and texts."""
    rows = draw(st.integers(0, 6))
    headings = draw(st.lists(AWKWARD | PRINTABLE, max_size=5, unique=True))
    columns = [
        [heading, *draw(st.lists(draw(st.sampled_from(CELLS)), min_size=rows, max_size=rows))] for heading in headings
    ]
    photo = [["photo", *(f"{row}.jpg" for row in range(rows))]]
    return list(zip(*photo, *columns, strict=True))


def columns_used(save, ask):
    """Every heading in the two files, after checking that they load; none if an error explains why not."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "photos.csv"
        save(path)
        try:
            schema_file, config_file = write(propose(path, ask), folder)
        except UserError:
            return []
        schema, content = Schema.load(schema_file), yaml.safe_load(config_file.read_text("utf-8"))
        assert_options(content, FitConfig)
        parsed(config_file)
        columns = content["data"]["columns"]
        named = [columns[role] for role in ("image", "split", "subject", "part") if columns[role] is not None]
        used = [*named, *columns["groups"], *columns.get("ignore", []), *(attribute.heading for attribute in schema)]
        assert len(used) == len(set(used))
        return used


@settings(max_examples=60, deadline=None)
@given(tables(), st.data())
def test_any_table_gives_files_that_load_or_an_error(rows, data):
    def ask(question, choices, answer):
        assert answer in choices
        return data.draw(st.sampled_from(choices))

    def save(path):
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)

    assert len(columns_used(save, ask)) in (0, len(rows[0]))  # every column has exactly one place


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=60) | st.text(',"\n\r\t\0a.jpg01', max_size=60).map(str.encode))
def test_any_bytes_give_files_that_load_or_an_error(content):
    columns_used(lambda path: path.write_bytes(content), default)
