"""A model as a command's options ask for it: how it decides, on how many views, and for which group."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from multiskin.cli.parsers import by_head, of_one
from multiskin.cli.terminal import warn_of_sets
from multiskin.errors import UserError
from multiskin.portable.views import VIEWS
from multiskin.rules import CREDIT

if TYPE_CHECKING:
    from multiskin.conformal.prediction import ConformalSets
    from multiskin.rules import Credit
    from multiskin.schema import Schema


class Adjustable(Protocol):
    """A model that can decide differently and see more views, whatever runs it."""

    @property
    def schema(self) -> "Schema": ...

    @property
    def conformal(self) -> "ConformalSets | None": ...

    def with_decisions(self, decisions: Mapping[str, str]) -> Self: ...

    def with_credit(self, credit: "Mapping[str, Credit]", where: str) -> Self: ...

    def for_group(self, value: str) -> Self: ...

    def with_views(self, views: str) -> Self: ...


Model = TypeVar("Model", bound=Adjustable)


def as_asked(predictor: Model, options: Namespace) -> Model:
    """The model with the decisions and the views that a command's options ask for."""
    return with_views(with_decisions(predictor, options), options.tta)


def with_decisions(predictor: Model, options: Namespace) -> Model:
    """The model with the decisions that were asked for with --decision and --credit.

    Raises:
        UserError: a decision that does not fit its head, or that contradicts another option.
    """
    for name, decision in of_one(options.decision).items():
        if name in options.credit and decision != CREDIT:
            raise UserError(f"--decision {name}={decision}: --credit says otherwise of {name}; leave one of them out")
    ordinal = [attribute.name for attribute in predictor.schema if attribute.ordinal]
    return predictor.with_decisions(by_head(options.decision, ordinal)).with_credit(options.credit, "--credit")


def with_group(predictor: Model, asked: str | None) -> Model:
    """The model for photos of one group, which gives the sets that were promised for it.

    Raises:
        UserError: the model has no sets, or none for that group.
    """
    if asked is None:
        return predictor
    if predictor.conformal is None:
        raise UserError("--group: the model has no sets of grades; 'multiskin conform RUN --by NAME' finds them")
    return predictor.for_group(asked)


def with_views(predictor: Model, asked: str | None) -> Model:
    """The model with the views that were asked for with --tta; warns that this costs its sets of grades."""
    if asked is None:
        return predictor
    warn_of_sets(predictor.conformal, f"--tta {asked}", "on single views")
    return predictor.with_views(asked)


def add_views_option(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--tta",
        choices=[*VIEWS],
        help="score each photo as the mean over several views, one forward pass each: mirror (the photo and its mirror "
        "image) or dihedral (all eight flips and quarter turns); default: the photo alone",
    )


def add_group_option(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--group",
        help="where all photos have one value of the group that sets were promised for ('multiskin conform --by'), "
        "such as a skin tone: that value; default: the widest sets of all values",
    )
