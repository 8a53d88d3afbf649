import re

import pytest

from multiskin.errors import UserError
from multiskin.losses import LOSSES, create_loss
from multiskin.losses.class_balanced import ClassBalancedFocal
from multiskin.schema import Attribute

ROUGHNESS = Attribute("roughness", 3)
KIND = Attribute("kind", 3, kind="nominal")
COUNTS = (4, 9, 2)


@pytest.mark.parametrize("name", LOSSES)
def test_creates_every_loss_by_its_name(name: str) -> None:
    loss = create_loss(name, ROUGHNESS, COUNTS)
    assert type(loss) is LOSSES[name]
    assert loss.num_grades == 3


def test_passes_options_and_counts_to_the_loss() -> None:
    loss = create_loss("class_balanced_focal", ROUGHNESS, COUNTS, gamma=1.5, beta=0.9)
    expected = ClassBalancedFocal(COUNTS, beta=0.9, gamma=1.5)
    assert loss.grade_weight.tolist() == expected.grade_weight.tolist()
    assert loss.loss.gamma == 1.5


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("fokal", {}, "heads.roughness.loss: unknown loss 'fokal': did you mean 'focal'? choose one of cross_entropy,"),
        ("focal", {"gama": 2}, "heads.roughness.loss 'focal': unknown option 'gama': did you mean 'gamma'?"),
        ("focal", {"counts": (1, 2, 3)}, "unknown option 'counts': choose one of gamma"),
        ("focal", {"name": 1}, "unknown option 'name'"),
        ("cross_entropy", {"gamma": 2}, "unknown option 'gamma': choose one of (none)"),
        ("focal", {"gamma": -1}, "heads.roughness.loss 'focal': gamma is -1; give a number"),
        ("class_balanced_focal", {"beta": "high"}, "beta is 'high'; give a number of at least 0"),
        ("class_balanced_focal", {"beta": True}, "(options: beta, gamma)"),
    ],
)
def test_the_message_says_what_is_wrong_with_a_recipe(name: str, options: dict, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        create_loss(name, ROUGHNESS, COUNTS, **options)


def test_a_loss_that_needs_an_order_refuses_nominal_grades() -> None:
    with pytest.raises(UserError, match=r"heads\.kind\.loss .*nominal; choose one of") as error:
        create_loss("masked_label_smoothing", KIND, COUNTS)
    offered = str(error.value).split("choose one of ")[1].split(", ")
    assert "masked_label_smoothing" not in offered
    for name in offered:
        create_loss(name, KIND, COUNTS)


def test_counts_of_another_attribute_are_refused() -> None:
    with pytest.raises(ValueError, match="2 counts for the 3 grades of 'roughness'"):
        create_loss("focal", ROUGHNESS, (1, 2))
