"""Missing parts are written once and complete; no photo is lost or scored twice."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import dataset, parquet

from multiskin.collection.folder import CollectionFolder
from multiskin.collection.plan import Chunk, Key, Plan
from multiskin.collection.score import MAX_LOST, Tally, score_collection
from multiskin.errors import UserError

TYPES = pa.schema({"image": pa.string(), "shine": pa.int64(), "error": pa.string()})
NAMES = [f"{number:02}.png" for number in range(23)]
BAD = NAMES[5]


class Stopped(Exception):  # noqa: N818  # no mistake
    pass


class Cluster:
    """Yields a row for each photo by its number, in reverse order, and records the chunks that it was given.

    Args:
        deadly: photos whose chunks no process outlives.
        most: chunks that are scored before all ends.
        twice: whether each chunk comes twice.
    """

    def __init__(self, deadly: Sequence[str] = (), most: int | None = None, twice: bool = False) -> None:
        self.deadly = set(deadly)
        self.most = most
        self.twice = twice
        self.asked: list[str] = []
        self.connections = 0

    @contextmanager
    def connected(self) -> "Iterator[Cluster]":
        self.connections += 1
        yield self

    def __call__(self, chunks: Sequence[Chunk]) -> Iterator[tuple[Key, str | None]]:
        for count, chunk in enumerate(reversed(chunks)):
            if count == self.most:
                raise Stopped
            self.asked += chunk.names
            rows = [f"{name},,damaged" if name == BAD else f"{name},{int(name[:2])}," for name in chunk.names]
            text = None if self.deadly & set(chunk.names) else "\n".join(["image,shine,error", *rows, ""])
            yield from [(chunk.key, text)] * (1 + self.twice)


def folder_of(root: Path, names: Sequence[str] = NAMES, rows: int = 6, model: str = "model") -> CollectionFolder:
    return CollectionFolder(root / "out", Plan.of(names, rows, model))


def score(folder: CollectionFolder, cluster: Cluster, advance: Callable[[int, int], None] = lambda *_: None) -> Tally:
    return score_collection(folder, TYPES, 4, cluster.connected, advance)


def rows_of(folder: CollectionFolder) -> list[dict]:
    return [row for path in sorted(folder.parts.iterdir()) for row in parquet.read_table(path).to_pylist()]


def expected(lost: Sequence[str] = ()) -> list[tuple[str, int | None]]:
    return [(name, None if name == BAD or name in lost else int(name[:2])) for name in NAMES]


def shine_of(folder: CollectionFolder) -> list[tuple[str, int | None]]:
    return [(row["image"], row["shine"]) for row in rows_of(folder)]


def test_all_photos_are_scored_in_order(tmp_path: Path) -> None:
    folder, seen = folder_of(tmp_path), []
    assert score(folder, Cluster(), lambda *progress: seen.append(progress)) == Tally(23, 23, 1)
    assert shine_of(folder) == expected()
    assert len(list(folder.parts.iterdir())) == 4
    assert seen[-1] == (23, 23)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert all(parquet.read_schema(path).equals(TYPES) for path in folder.parts.iterdir())


def test_failed_photos_are_listed_in_a_table(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    score(folder, Cluster())
    assert parquet.read_table(folder.failed).to_pylist() == [{"path": BAD, "reason": "damaged"}]
    assert json.loads(folder.record.read_text())["failed"] == 1
    assert dataset.dataset(folder.parts).to_table().num_rows == len(NAMES)  # which it is no part of


@pytest.mark.parametrize("most", [0, 1, 3, 5])
def test_a_stopped_collection_resumes_with_the_missing_parts(tmp_path: Path, most: int) -> None:
    folder = folder_of(tmp_path)
    with pytest.raises(Stopped):
        score(folder, Cluster(most=most))
    kept = {path: path.stat().st_mtime_ns for path in folder.parts.iterdir()}
    there = [row["image"] for row in rows_of(folder)]
    assert len(kept) == [0, 0, 1, 2][[0, 1, 3, 5].index(most)]
    cluster = Cluster()
    assert score(folder, cluster).now == len(NAMES) - len(there)
    assert sorted(cluster.asked + there) == NAMES
    assert shine_of(folder) == expected()
    assert all(path.stat().st_mtime_ns == then for path, then in kept.items())
    again = Cluster()
    assert score(folder, again) == Tally(23, 0, 1)
    assert (again.asked, again.connections) == ([], 0)


def test_damaged_and_incomplete_parts_are_scored_again(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    score(folder, Cluster())
    first, second = folder.part(0), folder.part(1)
    first.write_bytes(first.read_bytes()[:-20])
    second.rename(second.with_name(f"{second.name}.part"))
    cluster = Cluster()
    assert score(folder, cluster).now == 12
    assert sorted(cluster.asked) == NAMES[:12]
    assert shine_of(folder) == expected()


def test_only_a_photo_that_kills_processes_fails(tmp_path: Path) -> None:
    folder, deadly = folder_of(tmp_path), (NAMES[2], NAMES[21])
    assert score(folder, Cluster(deadly)) == Tally(23, 23, 3)
    assert shine_of(folder) == expected(deadly)
    failed = {row["path"]: row["reason"] for row in parquet.read_table(folder.failed).to_pylist()}
    assert list(failed) == [NAMES[2], BAD, NAMES[21]]
    assert "process" in failed[NAMES[2]]


def test_it_is_an_error_if_processes_die_on_many_chunks(tmp_path: Path) -> None:
    names = [f"{number:02}.png" for number in range(4 * MAX_LOST + 1)]
    with pytest.raises(UserError, match="memory"):
        score(folder_of(tmp_path, names), Cluster(names))


def test_a_repeated_chunk_counts_once(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    assert score(folder, Cluster(twice=True)) == Tally(23, 23, 1)
    assert shine_of(folder) == expected()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"names": NAMES[1:]}, "other photos: 23, where there are 22 now"),
        ({"names": [*NAMES[1:], "new.png"]}, "other photos"),
        ({"model": "another"}, "another model"),
        ({"rows": 5}, "parts of 6 rows, not 5"),
    ],
)
def test_other_photos_models_and_part_sizes_are_refused(tmp_path: Path, change: dict, reason: str) -> None:
    score(folder_of(tmp_path), Cluster())
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(UserError, match=reason):
        score(folder_of(tmp_path, **change), Cluster())
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_a_folder_with_other_content_is_not_changed(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    folder.root.mkdir()
    (folder.root / "thesis.doc").touch()
    with pytest.raises(UserError, match=r"thesis\.doc"):
        score(folder, Cluster())
    assert [path.name for path in folder.root.iterdir()] == ["thesis.doc"]


def test_an_unreadable_record_gets_one_message(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    score(folder, Cluster())
    folder.record.write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        score(folder, Cluster())


def test_two_processes_cannot_use_a_folder_at_the_same_time(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    with folder.opened(), pytest.raises(UserError, match="another run"):
        score(folder, Cluster())
