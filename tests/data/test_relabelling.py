"""Listed grades are corrected, all others stay, and so do those of test and calibration photos."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.data.relabelling import Corrections
from multiskin.errors import UserError
from multiskin.schema import MISSING, Attribute, Schema


@pytest.fixture
def write(tmp_path):
    def write(columns, name="corrections.csv"):
        pd.DataFrame(columns).to_csv(tmp_path / name, index=False)
        return tmp_path / name

    return write


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.integers(0, 23), st.tuples(st.sampled_from(["", "none", "0", "4"]), st.sampled_from(["", "None", "2"]))
    )
)
def test_exactly_what_is_listed_is_corrected(photos, schema, tmp_path_factory, listed):
    manifest = photos.manifest
    path = tmp_path_factory.mktemp("list") / "corrections.csv"
    rows = [(manifest.paths[photo], *cells) for photo, cells in listed.items()]
    pd.DataFrame(rows, columns=["image", "shine", "lines"]).to_csv(path, index=False)
    after, [notice] = Corrections.read(path, schema).correct(manifest, photos.split)
    corrected = away = stay = 0
    for photo in range(len(manifest)):
        for h, cell in enumerate(listed.get(photo, ("", ""))):
            had = manifest.grades[photo, h]
            wanted = had if cell == "" else MISSING if cell.lower() == "none" else int(cell)
            learned = photos.split[photo] in ("train", "val")
            assert after.grades[photo, h] == (wanted if learned else had)
            corrected += learned and wanted not in (had, MISSING)
            away += learned and wanted == MISSING != had
            stay += not learned and wanted != had
    assert f"{corrected} grades are corrected, {away} are removed" in str(notice)
    assert (f"{stay} grades of test and calibration photos stay" in str(notice)) == (stay > 0)


def test_grades_are_called_as_in_the_table(photos, write):
    kind = Attribute("kind", 2, "nominal", column="Kind of", grade_names=("none", "some"))
    listed = write({"image": ["a.png", "b.png", "c.png"], "Kind of": ["some", "none", ""]})
    found = Corrections.read(listed, Schema((kind,)))
    assert found.grades[:, 0].tolist() == [1, 0, MISSING]  # a grade that is called none is that grade
    assert found.given[:, 0].tolist() == [True, True, False]


def test_an_attribute_without_a_column_stays(photos, schema, write):
    train = np.flatnonzero(photos.split == "train")[:1]
    listed = write({"image": photos.manifest.paths[train], "lines": "1"})
    after, _ = Corrections.read(listed, schema).correct(photos.manifest, photos.split)
    assert after.grades[:, 0].tolist() == photos.manifest.grades[:, 0].tolist()
    assert after.grades[train, 1] == 1


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"photo": ["images/00.png"], "shine": ["1"]}, "no column image"),
        ({"image": ["images/00.png"], "shin": ["1"]}, "unknown attribute 'shin': did you mean 'shine'"),
        ({"image": ["images/00.png"], "shine": ["5"]}, r"row 2, column shine: 5 is not a grade \(0\.\.4\)"),
        ({"image": ["images/00.png"], "lines": ["-1"]}, "row 2, column lines: -1 is not a grade"),
        ({"image": ["a.png", "a.png"], "shine": ["1", "1"]}, r"row 3, column image: a\.png occurs twice"),
        ({"image": ["images/0.png"], "shine": ["1"]}, r"row 2, column image: unknown image .*did you mean 'images/"),
    ],
)
def test_mistakes_are_told_with_their_place(photos, schema, write, columns, words):
    with pytest.raises(UserError, match=rf"data\.relabel .*corrections\.csv: {words}"):
        Corrections.read(write(columns), schema).correct(photos.manifest, photos.split)


def test_a_ragged_list_is_no_list(schema, tmp_path):
    (tmp_path / "list.csv").write_text("image,shine\na.png,1,again\n")
    with pytest.raises(UserError, match=r"list\.csv: row 2: 3 cells"):
        Corrections.read(tmp_path / "list.csv", schema)
