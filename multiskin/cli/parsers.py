"""What the commands' options have in common."""

import argparse
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from typing import Any, NoReturn

from multiskin.errors import UserError


class Parser(argparse.ArgumentParser):
    """A parser that reports an error as one message to the user."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see '{self.prog} --help'")


def summary(command: Callable[..., Any]) -> str:
    """What a command does, in one line."""
    return (command.__doc__ or "").splitlines()[0]


def whole(lowest: int) -> Callable[[str], int]:
    """An option's type: a whole number that is not too small."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < lowest:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {lowest}")
        return int(text)

    return number


def add_inference_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ...; default: auto")
    parser.add_argument("--detector", help="where the YuNet .onnx file is now, for a model that was trained with one")
    parser.add_argument("--batch_size", type=whole(1), default=32, help="photos at once; default: 32")
    parser.add_argument("--num_workers", type=whole(0), help="processes that read photos; default: by core count")


def add_decision_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--decision",
        action="append",
        default=[],
        metavar="[HEAD=]NAME",
        help="how probabilities become grades: argmax, median, expectation or credit; NAME for all ordered attributes, "
        "HEAD=NAME for one; may be repeated; default: as the model has it",
    )
    parser.add_argument(
        "--credit",
        type=_credit,
        default={},
        metavar="FILE",
        help="YAML with a matrix by HEAD, to decide by: a row for each true grade of what deciding each grade earns",
    )


def _credit(path: str) -> dict[str, Any]:
    """Matrices by head, not checked yet."""
    from multiskin.documents import NumberLoader, read_document

    remedy = "name a YAML file of what decisions earn, by attribute"
    content = read_document(path, "--credit", remedy, NumberLoader)
    if not isinstance(content, dict) or not content:
        raise UserError(f"--credit {path}: give rows of numbers by attribute, one row per true grade")
    return content


def by_head(asked: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """What is asked of each head, by its name: NAME is for all heads, HEAD=NAME for one; later ones win."""
    found: dict[str, str] = {}
    for word in asked:
        head, _, name = word.rpartition("=")
        found |= {head: name} if head else dict.fromkeys(names, name)
    return found


def of_one(asked: Sequence[str]) -> dict[str, str]:
    """What is asked of single heads, by their names, and not overridden by a later one for all heads."""
    since = [*takewhile(lambda word: "=" in word, reversed(asked))]
    return by_head(since[::-1], ())
