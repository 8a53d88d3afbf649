"""What a map explains: one number of a head for each photo, differentiable in its logits."""

from collections.abc import Callable, Iterable

from torch import Tensor

from multiskin.errors import UserError, unknown
from multiskin.heads import Head
from multiskin.schema import Attribute

Scalar = Callable[[Attribute, Head, Tensor], Tensor]  # what is graded, its head, logits (B, D) -> (B,) float32


def score(attribute: Attribute, head: Head, logits: Tensor) -> Tensor:
    """The expected grade; of nominal grades, which have none, the logit of the predicted one."""
    if not attribute.ordinal:
        return logits.float().max(dim=1).values
    return head.score(head.probabilities(logits))


def probability(grade: int) -> Scalar:
    """Of a grade: p(grade), and 0 in a head that does not have it."""

    def of(_: Attribute, head: Head, logits: Tensor) -> Tensor:
        return head.probabilities(logits)[:, grade : grade + 1].sum(dim=1)

    return of


def more_than(grade: int) -> Scalar:
    """The probability of a higher grade than this; meaningful for ordered grades only."""

    def of(_: Attribute, head: Head, logits: Tensor) -> Tensor:
        return head.probabilities(logits)[:, grade + 1 :].sum(dim=1)

    return of


def class_logit(grade: int) -> Scalar:
    """The logit of a grade, before the softmax lets the grades compete, and 0 in a head that does not have the grade.

    The scalar raises a UserError in a head that has no logit for each grade.
    """

    def of(attribute: Attribute, _: Head, logits: Tensor) -> Tensor:
        if logits.shape[1] != attribute.grades:
            raise UserError(
                f"attribute {attribute.name!r}: its {logits.shape[1]} logits are not those of its {attribute.grades} "
                "grades; explain a probability instead"
            )
        return logits[:, grade : grade + 1].float().sum(dim=1)

    return of


def parse_scalar(word: str, heads: Iterable[tuple[Attribute, Head]]) -> Scalar:
    """The scalar that a user's word means: score, p2 (a probability), >1 (of a grade above), logit2.

    Args:
        word: as it was given.
        heads: those that are to be explained, each with what it grades; each must have the scalar.

    Raises:
        UserError: a head without such a scalar.
    """
    for attribute, head in heads:
        if word not in (known := scalars_by_word(attribute, head)):
            raise unknown("quantity", word, known, f"attribute {attribute.name!r}")
    return known[word]


def scalars_by_word(attribute: Attribute, head: Head) -> dict[str, Scalar]:
    """All scalars of a head that can be explained, by word."""
    scalars: dict[str, Scalar] = {"score": score}
    scalars |= {f"p{grade}": probability(grade) for grade in range(attribute.grades)}
    if attribute.ordinal:
        scalars |= {f">{grade}": more_than(grade) for grade in range(attribute.grades - 1)}
    if head.logits == "categorical":  # of others no logit is a grade's
        scalars |= {f"logit{grade}": class_logit(grade) for grade in range(attribute.grades)}
    return scalars
