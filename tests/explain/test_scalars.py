"""Scalars against loops over probabilities, and the names of scalars."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from multiskin.config import Recipe
from multiskin.errors import UserError
from multiskin.explain.scalars import class_logit, more_than, parse_scalar, probability, scalars_by_word, score
from multiskin.heads import Head, create_head
from multiskin.schema import Attribute

TONE, KIND, ON = Attribute("tone", 5), Attribute("kind", 3, kind="nominal"), Attribute("on", 2)


def head_of(attribute: Attribute, loss: str = "cross_entropy") -> Head:
    return create_head(attribute, 4, Recipe(loss=loss), (1,) * attribute.grades)


@st.composite
def logits_of_a_head(draw: st.DrawFn) -> tuple[Attribute, Tensor]:
    grades = draw(st.integers(2, 7))
    row = st.lists(st.floats(-20, 20, width=32), min_size=grades, max_size=grades)
    rows = draw(st.lists(row, min_size=1, max_size=4))
    return Attribute("tone", grades), torch.tensor(rows)


@settings(max_examples=30, deadline=None)
@given(drawn=logits_of_a_head(), grade=st.integers(0, 7))
def test_scalars_match_loops_over_probabilities(drawn: tuple[Attribute, Tensor], grade: int) -> None:
    attribute, logits = drawn
    head = head_of(attribute)
    for b, row in enumerate(logits.double().softmax(dim=1).tolist()):
        expected = {
            score: sum(k * p for k, p in enumerate(row)),
            probability(grade): sum(p for k, p in enumerate(row) if k == grade),
            more_than(grade): sum(p for k, p in enumerate(row) if k > grade),
        }
        for scalar, value in expected.items():
            found = scalar(attribute, head, logits)
            assert found.shape == (len(logits),)
            assert found[b].item() == pytest.approx(value, abs=1e-5)


def test_the_score_of_nominal_grades_is_the_highest_logit() -> None:
    logits = torch.tensor([[0.5, 2.0, -1.0], [3.0, 2.0, 1.0]], requires_grad=True)
    found = score(KIND, head_of(KIND), logits)
    assert found.tolist() == [2.0, 3.0]
    [gradient] = torch.autograd.grad(found.sum(), logits)
    assert gradient.tolist() == [[0, 1, 0], [1, 0, 0]]


def test_scalars_of_a_missing_grade_and_their_gradients_are_zero() -> None:
    logits = torch.randn(3, 2, requires_grad=True)
    for scalar in (probability(4), more_than(1), class_logit(2)):
        found = scalar(ON, head_of(ON), logits)
        assert found.tolist() == [0, 0, 0]
        [gradient] = torch.autograd.grad(found.sum(), logits)
        assert not gradient.any()


def test_a_class_logit_is_the_logit_in_full_precision() -> None:
    logits = torch.randn(3, 5).bfloat16()
    found = class_logit(2)(TONE, head_of(TONE), logits)
    assert found.dtype == torch.float32
    assert torch.equal(found, logits[:, 2].float())


def test_logits_that_do_not_belong_to_grades_are_refused() -> None:
    with pytest.raises(UserError, match=r"'tone': has 4 logits for 5 grades, .* probability"):
        class_logit(2)(TONE, head_of(TONE), torch.zeros(1, 4))


@pytest.mark.parametrize(
    ("word", "scalar"), [("score", score), ("p2", probability(2)), (">1", more_than(1)), ("logit0", class_logit(0))]
)
def test_names_are_parsed(word: str, scalar: object) -> None:
    logits, head = torch.randn(3, 5), head_of(TONE)
    assert torch.equal(parse_scalar(word, [(TONE, head)])(TONE, head, logits), scalar(TONE, head, logits))


def test_attributes_offer_the_scalars_of_their_grades() -> None:
    assert list(scalars_by_word(KIND, head_of(KIND))) == ["score", "p0", "p1", "p2", "logit0", "logit1", "logit2"]
    assert list(scalars_by_word(ON, head_of(ON))) == ["score", "p0", "p1", ">0", "logit0", "logit1"]


@pytest.mark.parametrize("loss", ["coral", "corn", "cumulative_link"])
def test_ordered_heads_offer_no_class_logits(loss: str) -> None:
    assert list(scalars_by_word(ON, head_of(ON, loss))) == ["score", "p0", "p1", ">0"]
    with pytest.raises(UserError, match="'tone': unknown quantity 'logit1'"):
        parse_scalar("logit1", [(KIND, head_of(KIND)), (TONE, head_of(TONE, loss))])


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("scores", "'tone': unknown quantity 'scores': did you mean 'score'"),
        ("p5", "'tone': unknown quantity 'p5'.* choose one of score, p0"),
        (">4", "'tone': unknown quantity '>4'"),
        ("p2", "'on': unknown quantity 'p2'"),
        ("logit4", "'kind': unknown quantity 'logit4'"),
        (">0", "'kind': unknown quantity '>0'"),
        ("", "'tone': unknown quantity ''"),
    ],
)
def test_an_unknown_name_is_an_error(word: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_scalar(word, [(attribute, head_of(attribute)) for attribute in (TONE, KIND, ON)])
