"""Maps on a finer grid, against interpolation in loops; their sum stays the same."""

import math

import pytest
import torch
from torch import Tensor

from multiskin.explain.grids import finest_grid, on_grid
from multiskin.models.skinnet import SkinOutput


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


def between(values: list[float], at: float) -> tuple[int, int, float]:
    """The two cells around a position and the weight of the second; beyond the outermost centre, only that cell."""
    at = min(max(at, 0.0), len(values) - 1.0)
    low = min(math.floor(at), len(values) - 1)
    return low, min(low + 1, len(values) - 1), at - low


def in_loops(cells: list[list[float]], height: int, width: int) -> list[list[float]]:
    """Bilinear interpolation of values at the centres of cells."""
    rows, columns = len(cells), len(cells[0])
    found = []
    for y in range(height):
        top, bottom, down = between([0.0] * rows, (y + 0.5) * rows / height - 0.5)
        line = []
        for x in range(width):
            left, right, along = between([0.0] * columns, (x + 0.5) * columns / width - 0.5)
            upper = (1 - along) * cells[top][left] + along * cells[top][right]
            lower = (1 - along) * cells[bottom][left] + along * cells[bottom][right]
            line.append(((1 - down) * upper + down * lower) * rows * columns / (height * width))
        found.append(line)
    return found


@pytest.mark.parametrize("grid", [(4, 6), (8, 3), (5, 7)])
def test_maps_are_interpolated_bilinearly_and_rescaled(grid: tuple[int, int]) -> None:
    maps = noise(2, 3, 2, 3)
    expected = [[in_loops(head, *grid) for head in photo] for photo in maps.tolist()]
    torch.testing.assert_close(on_grid(maps, torch.Size(grid)), torch.tensor(expected))


@pytest.mark.parametrize("times", [2, 3, 4, 8])
def test_an_integer_scale_keeps_the_sum(times: int) -> None:
    maps = noise(2, 3, 7, 5)
    finer = on_grid(maps, torch.Size((7 * times, 5 * times)))
    torch.testing.assert_close(finer.sum(dim=(2, 3)), maps.sum(dim=(2, 3)))


def test_maps_on_the_same_grid_are_returned_unchanged() -> None:
    maps = noise(2, 3, 7, 5)
    assert on_grid(maps, torch.Size((7, 5))) is maps


def test_the_finest_grid_is_that_of_the_finest_stage() -> None:
    output = SkinOutput(noise(1, 8, 2, 2), noise(1, 8), {})
    assert finest_grid(output) == (2, 2)
    assert finest_grid(output._replace(stages={8: noise(1, 4, 8, 8), 16: noise(1, 4, 4, 4)})) == (8, 8)
