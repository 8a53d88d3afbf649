"""Reads and writes the YAML files that users edit: configs, schemas, studies, mappings, credit, advice."""

import re
from pathlib import Path
from typing import Any

import yaml

from multiskin.errors import UserError

# Besides YAMLError: PyYAML raises the others for invalid values, such as impossible dates, and for too deep nesting.
BROKEN = (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError)
MERGE = "tag:yaml.org,2002:merge"  # <<, which may occur several times


class Loader(yaml.SafeLoader):
    """A safe loader that refuses duplicate keys, of which PyYAML would silently use the last."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)  # before merge keys, which may be overridden, are resolved
        known = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.tag != MERGE):
            name = self.construct_object(key)
            if name in known:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} appears twice", problem_mark=key.start_mark)
            known.add(name)
        return node


class NumberLoader(Loader):
    """A loader that reads 1e-4 as a number, as in YAML 1.2."""


NumberLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def to_yaml(content: Any) -> str:
    """YAML for people: keys keep their order, and non-ASCII text is not escaped."""
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def read_document(path: str | Path, what: str, remedy: str = "", loader: type[yaml.SafeLoader] = Loader) -> Any:
    """The content of a YAML file.

    Args:
        path: the file.
        what: what the file is, for messages.
        remedy: what to do if the file does not exist, for messages.
        loader: the YAML loader.

    Raises:
        UserError: no such file, not UTF-8, or not YAML.
    """
    where = f"{what} {path}"
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError("; ".join(filter(None, [f"{where}: {error.strerror}", remedy]))) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(f"{where}: line {line} is not UTF-8; save the file as UTF-8") from error
    return parse_yaml(text, where, loader)


def parse_yaml(text: str, where: str, loader: type[yaml.SafeLoader] = Loader) -> Any:
    """The content of YAML text.

    Args:
        text: the YAML.
        where: where it stands, for messages.
        loader: the YAML loader.

    Raises:
        UserError: not YAML.
    """
    try:
        return yaml.load(text, loader)
    except BROKEN as error:
        reason = " ".join(str(error).replace('in "<unicode string>", ', "in ").split()) or type(error).__name__
        raise UserError(f"{where}: not readable as YAML: {reason}") from error
