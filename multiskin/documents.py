"""YAML that people write: configs, schemas, studies, mappings, credit, advice."""

import re
from pathlib import Path
from typing import Any

import yaml

from multiskin.errors import UserError

# With what a value raises that is none of its tag, such as a date that no calendar has, and what is nested too deep.
BROKEN = (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError)
MERGE = "tag:yaml.org,2002:merge"  # <<, which may stand several times


class Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, of which YAML would take the last one without a word."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)  # before keys are merged into it, which may be there already
        known = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.tag != MERGE):
            name = self.construct_object(key)
            if name in known:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} stands twice", problem_mark=key.start_mark)
            known.add(name)
        return node


class NumberLoader(Loader):
    """Takes 1e-4 for a number, as YAML 1.2 does."""


NumberLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def to_yaml(content: Any) -> str:
    """As it is written for people: in its own order, and in their own letters."""
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def read_document(path: str | Path, what: str, remedy: str = "", loader: type[yaml.SafeLoader] = Loader) -> Any:
    """What a file in YAML says.

    Args:
        path: the file.
        what: it is, for messages.
        remedy: what to do where there is none.
        loader: that knows more kinds of words.

    Raises:
        UserError: no such file, not in UTF-8, or no YAML.
    """
    where = f"{what} {path}"
    try:
        return yaml.load(Path(path).read_bytes().decode("utf-8-sig"), loader)
    except OSError as error:
        raise UserError("; ".join(filter(None, [f"{where}: {error.strerror}", remedy]))) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(f"{where}: line {line} is not UTF-8; save the file as UTF-8") from error
    except BROKEN as error:
        reason = " ".join(str(error).replace('in "<unicode string>", ', "in ").split()) or type(error).__name__
        raise UserError(f"{where}: not readable as YAML: {reason}") from error
