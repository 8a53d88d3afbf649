"""YAML of users is read as it is written, and invalid YAML gives one message with its place."""

import pytest

from multiskin.documents import read_document
from multiskin.errors import UserError


@pytest.fixture
def read(tmp_path):
    def read(content):
        path = tmp_path / "list.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_document(path, "list")

    return read


def test_a_byte_order_mark_and_windows_line_ends_are_taken(read):
    assert read(b"\xef\xbb\xbf" + "윤기: 1\r\n".encode()) == {"윤기": 1}


@pytest.mark.parametrize(
    ("content", "taken"),
    [
        ("a: &a {x: 1}\nb: {<<: *a, x: 2}", {"a": {"x": 1}, "b": {"x": 2}}),
        ("b: {c: &c {<<: &a {x: 1}, x: 2}}\nd: {<<: *c, x: 3}", {"b": {"c": {"x": 2}}, "d": {"x": 3}}),
        ("a: {c: {d: &d {<<: &e {x: 1}, x: 2}}}\nb: {<<: *d}", {"a": {"c": {"d": {"x": 2}}}, "b": {"x": 2}}),
        ("a: &a {x: 1}\nb: &b {y: 2}\nc: {<<: *a, <<: *b}", {"a": {"x": 1}, "b": {"y": 2}, "c": {"x": 1, "y": 2}}),
        ("1: a\n'1': b", {1: "a", "1": "b"}),
    ],
)
def test_a_key_that_is_merged_into_a_mapping_does_not_stand_twice(read, content, taken):
    assert read(content) == taken


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("shine: 1\nlines: 2\nshine: 3", "not readable as YAML: 'shine' appears twice in .*line 3"),
        ("a: {b: {0: x, 0: y}}", "not readable as YAML: '0' appears twice in .*line 1"),
        ("a: {b", "not readable as YAML"),
        ("a: 2024-99-99", "not readable as YAML"),
        ("yes: 1\ntrue: 2", "not readable as YAML: 'true' appears twice in .*line 2"),
        ("1: a\n0x1: b", "not readable as YAML: '0x1' appears twice in .*line 2"),
        ("!!bool maybe", "not readable as YAML"),
        ("!!timestamp x", "not readable as YAML"),
        ("!!int ''", "not readable as YAML"),
        ("[" * 5000, "not readable as YAML: maximum recursion depth"),
        ("!!python/object/apply:os.system [ls]", "not readable as YAML"),
        ("a: 1\nb: 윤기".encode("cp949"), "line 2 is not UTF-8; save the file as UTF-8"),
    ],
)
def test_what_is_no_yaml_is_one_message_with_its_place(read, content, said):
    with pytest.raises(UserError, match=rf"^list .*list\.yaml: {said}") as raised:
        read(content)
    assert "\n" not in str(raised.value)


def test_where_there_is_no_file_it_is_told_what_to_do(tmp_path):
    path = tmp_path / "none.yaml"
    with pytest.raises(UserError, match=r"^list .*none\.yaml: No such file or directory; name a list$"):
        read_document(path, "list", "name a list")
    with pytest.raises(UserError, match=r"^list .*none\.yaml: No such file or directory$"):
        read_document(path, "list")
    with pytest.raises(UserError, match="Is a directory"):
        read_document(tmp_path, "list")
