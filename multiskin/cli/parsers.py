"""What the commands' options have in common."""

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

from multiskin.errors import UserError


class Parser(argparse.ArgumentParser):
    """A parser whose errors are the user's one message."""

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
    parser.add_argument("--detector", help="where the YuNet .onnx file is now, of a model that was trained with one")
    parser.add_argument("--batch_size", type=whole(1), default=32, help="photos at once; default: 32")
    parser.add_argument("--num_workers", type=whole(0), help="processes that read photos; default: by the cores")
