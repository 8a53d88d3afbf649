"""The scalars that maps can explain: one number per head and photo, differentiable in the head's logits."""

from collections.abc import Callable, Iterable

from torch import Tensor

from multiskin.errors import UserError, unknown
from multiskin.heads import Head
from multiskin.schema import Attribute

Scalar = Callable[[Attribute, Head, Tensor], Tensor]  # (attribute, its head, logits (B, D)) -> (B,) float32


def score(attribute: Attribute, head: Head, logits: Tensor) -> Tensor:
    """The expected grade, or for nominal grades, which have none, the highest logit."""
    if not attribute.ordinal:
        return logits.float().max(dim=1).values
    return head.score(head.probabilities(logits))


def probability(grade: int) -> Scalar:
    """The probability of a grade; 0 in a head that does not have the grade."""

    def of(_: Attribute, head: Head, logits: Tensor) -> Tensor:
        return head.probabilities(logits)[:, grade : grade + 1].sum(dim=1)

    return of


def more_than(grade: int) -> Scalar:
    """The probability of a higher grade than this; only meaningful for ordered grades."""

    def of(_: Attribute, head: Head, logits: Tensor) -> Tensor:
        return head.probabilities(logits)[:, grade + 1 :].sum(dim=1)

    return of


def class_logit(grade: int) -> Scalar:
    """The logit of a grade; 0 in a head that does not have the grade.

    Unlike a probability, it does not depend on the other grades. The scalar raises a UserError in a head without one
    logit per grade.
    """

    def of(attribute: Attribute, _: Head, logits: Tensor) -> Tensor:
        if logits.shape[1] != attribute.grades:
            raise UserError(
                f"attribute {attribute.name!r}: has {logits.shape[1]} logits for {attribute.grades} grades, so no "
                "grade has a logit of its own; explain a probability instead"
            )
        return logits[:, grade : grade + 1].float().sum(dim=1)

    return of


def parse_scalar(word: str, heads: Iterable[tuple[Attribute, Head]]) -> Scalar:
    """The scalar with this name: score, p2 (the probability of grade 2), >1 (of a grade above 1) or logit2.

    Args:
        word: the name, as given by the user.
        heads: the heads to explain, each with its attribute; each must have the scalar.

    Raises:
        UserError: a head has no such scalar.
    """
    for attribute, head in heads:
        if word not in (known := scalars_by_word(attribute, head)):
            raise unknown("quantity", word, known, f"attribute {attribute.name!r}")
    return known[word]


def scalars_by_word(attribute: Attribute, head: Head) -> dict[str, Scalar]:
    """All scalars of a head, by the name that a user gives."""
    scalars: dict[str, Scalar] = {"score": score}
    scalars |= {f"p{grade}": probability(grade) for grade in range(attribute.grades)}
    if attribute.ordinal:
        scalars |= {f">{grade}": more_than(grade) for grade in range(attribute.grades - 1)}
    if head.logit_kind == "categorical":  # in other heads, logits do not belong to grades
        scalars |= {f"logit{grade}": class_logit(grade) for grade in range(attribute.grades)}
    return scalars
