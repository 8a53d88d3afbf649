"""A loss that is not finite is found one step later, but before weights are validated or saved."""

import pytest
import torch

from multiskin.errors import UserError
from multiskin.training.finite import FiniteLosses

GOOD, BAD = torch.tensor([0.5, 0.7]), torch.tensor([0.5, torch.nan])


def watch(finite, losses, step):
    finite.watch(losses, f"epoch 1, step {step}", torch.tensor([step, 9]), lambda rows: f"rows {rows}")


@pytest.fixture
def finite():
    return FiniteLosses(("shine", "lines"))


def test_finite_losses_pass(finite):
    for step in range(3):
        watch(finite, GOOD, step)
    finite.check()


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_the_next_step_tells_which_head_was_lost_where_and_on_which_photos(finite, bad):
    watch(finite, torch.tensor([0.5, bad]), 1)
    with pytest.raises(UserError, match=r"the loss of lines is not finite in epoch 1, step 1; .* rows \[1, 9\]"):
        watch(finite, GOOD, 2)


def test_a_last_step_is_looked_at_when_asked_and_once(finite):
    watch(finite, BAD, 0)
    with pytest.raises(UserError, match="step 0"):
        finite.check()
    finite.check()
