"""The parser and the options that commands share."""

import argparse
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from typing import Any, NoReturn

from multiskin.errors import UserError

PHOTOS = (
    "pictures, folders (with all .jpg, .jpeg, .png, .webp, .bmp, .tif and .tiff files in them and below), .csv or "
    ".parquet tables of paths, and .txt lists with one path per line"
)


class Parser(argparse.ArgumentParser):
    """An argument parser that raises a UserError for a mistake."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see '{self.prog} --help'")


def summary(command: Callable[..., Any]) -> str:
    """The first line of a command's docstring."""
    return (command.__doc__ or "").splitlines()[0]


def int_at_least(lowest: int) -> Callable[[str], int]:
    """An argument type: a whole number of at least `lowest`."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < lowest:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {lowest}")
        return int(text)

    return number


def add_inference_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ...; default: auto")
    parser.add_argument("--detector", help="the YuNet .onnx file, for a model trained with one, if it has moved")
    parser.add_argument("--batch_size", type=int_at_least(1), default=32, help="photos per batch; default: 32")
    parser.add_argument(
        "--num_workers", type=int_at_least(0), help="processes that read photos; default: by the number of cores"
    )


def add_decision_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--decision",
        action="append",
        default=[],
        metavar="[HEAD=]NAME",
        help="how grades are decided from probabilities: argmax, median, expectation or credit; NAME for all ordered "
        "attributes, HEAD=NAME for one; may be repeated; default: the model's own decisions",
    )
    parser.add_argument(
        "--credit",
        type=_credit,
        default={},
        metavar="FILE",
        help="YAML file of credit matrices by HEAD, which then decides by credit: one row per true grade, with the "
        "credit for deciding each grade",
    )


def _credit(path: str) -> dict[str, Any]:
    """Reads credit matrices by head; they are validated later."""
    from multiskin.documents import NumberLoader, read_document

    remedy = "name a YAML file of credit matrices, by attribute"
    content = read_document(path, "--credit", remedy, NumberLoader)
    if not isinstance(content, dict) or not content:
        raise UserError(f"--credit {path}: give a matrix for each attribute, with one row per true grade")
    return content


def by_head(words: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """Parses a repeated option [HEAD=]NAME to NAME by head; without HEAD, it is for all names; later words win."""
    found: dict[str, str] = {}
    for word in words:
        head, _, name = word.rpartition("=")
        found |= {head: name} if head else dict.fromkeys(names, name)
    return found


def for_single_heads(words: Sequence[str]) -> dict[str, str]:
    """NAME by head of the words HEAD=NAME that no later NAME for all heads overrides."""
    last = [*takewhile(lambda word: "=" in word, reversed(words))]
    return by_head(last[::-1], ())
