"""Command-line options that change how a trained model predicts: its decisions, its views and the group of photos."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from multiskin.cli.parsers import by_head, for_single_heads
from multiskin.cli.terminal import warn_of_sets
from multiskin.errors import UserError
from multiskin.portable.views import VIEWS
from multiskin.rules import CREDIT

if TYPE_CHECKING:
    from multiskin.conformal.prediction import ConformalSets
    from multiskin.rules import Credit
    from multiskin.schema import Schema


class Adjustable(Protocol):
    """A trained model, run by torch or by another engine, whose decisions, views and group can be changed."""

    @property
    def schema(self) -> "Schema": ...

    @property
    def conformal(self) -> "ConformalSets | None": ...

    def with_decisions(self, decisions: Mapping[str, str]) -> Self: ...

    def with_credit(self, credit: "Mapping[str, Credit]", where: str) -> Self: ...

    def for_group(self, value: str) -> Self: ...

    def with_views(self, views: str) -> Self: ...


Model = TypeVar("Model", bound=Adjustable)


def with_options(predictor: Model, options: Namespace) -> Model:
    """The model with what --decision, --credit and --tta say, and --group for commands that have it."""
    # The group first: views cost the model the sets that a group needs
    predictor = with_group(predictor, vars(options).get("group"))
    return with_views(with_decisions(predictor, options), options.tta)


def with_decisions(predictor: Model, options: Namespace) -> Model:
    """The model with the decisions given by --decision and --credit.

    Raises:
        UserError: a decision that does not fit its head, or that contradicts another option.
    """
    for name, decision in for_single_heads(options.decision).items():
        if name in options.credit and decision != CREDIT:
            raise UserError(f"--decision {name}={decision}: --credit has a matrix for {name}; leave one of them out")
    ordinal = [attribute.name for attribute in predictor.schema if attribute.ordinal]
    return predictor.with_decisions(by_head(options.decision, ordinal)).with_credit(options.credit, "--credit")


def with_group(predictor: Model, asked: str | None) -> Model:
    """The model for photos of one group, with the sets of grades that hold for this group.

    Raises:
        UserError: the model has no sets of grades, or none for that group.
    """
    if asked is None:
        return predictor
    if predictor.conformal is None:
        raise UserError("--group: the model has no sets of grades; 'multiskin conform RUN --by NAME' finds them")
    return predictor.for_group(asked)


def with_views(predictor: Model, asked: str | None) -> Model:
    """The model with the views given by --tta; warns if it loses its sets of grades by this."""
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
        help="the group that all photos belong to, such as a skin tone, if the model's sets of grades differ by group "
        "('multiskin conform --by'); default: not known, which gives the widest sets of all groups",
    )
