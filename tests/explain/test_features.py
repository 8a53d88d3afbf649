"""A computation from the final map is accepted if it reproduces the features."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from multiskin.explain.features import features_from, matches_features
from multiskin.models.skinnet import SkinNet

Images = Callable[..., Tensor]


def test_only_the_final_map_in_its_own_layout_reproduces_the_features(small_net: SkinNet, images: Images) -> None:
    output = small_net(images(2, 64))
    found = features_from(small_net, output.maps, output)
    assert found is not None
    torch.testing.assert_close(found, output.features)
    assert features_from(small_net, output.maps.permute(0, 2, 3, 1), output) is None
    assert features_from(small_net, output.maps[:, 1:], output) is None
    assert features_from(small_net, 1.01 * output.maps, output) is None


def test_only_the_first_rows_must_match_the_forward_pass(small_net: SkinNet, images: Images) -> None:
    output = small_net(images(2, 64))
    found = features_from(small_net, torch.cat([output.maps, 2 * output.maps]), output)
    assert found is not None
    torch.testing.assert_close(found[2:], 2 * output.features)
    assert features_from(small_net, torch.cat([2 * output.maps, output.maps]), output) is None


@pytest.mark.parametrize(("dtype", "rounding", "share"), [(torch.float32, 1e-5, 1e-3), (torch.bfloat16, 0.02, 0.2)])
def test_the_tolerance_follows_the_precision_of_the_network(
    small_net: SkinNet, images: Images, dtype: torch.dtype, rounding: float, share: float
) -> None:
    output = small_net(images(2, 64))
    output = output._replace(maps=output.maps.to(dtype), features=output.features.to(dtype))
    largest = output.features.abs().max()
    assert matches_features(output.features + rounding * largest, output)
    assert not matches_features(output.features + share * largest, output)
    assert not matches_features(output.features[:, 1:], output)
