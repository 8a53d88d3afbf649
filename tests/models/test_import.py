"""What importing the network does not import."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.processes

HEAVY = {"wandb", "scipy.stats", "scipy.optimize", "pandas", "sklearn", "matplotlib", "pytorch_lightning", "gradio"}
PROGRAM = """
import sys
import multiskin.inference.predictor
print(*sorted(sys.modules))
import wandb
print(wandb.__version__)
"""


@pytest.fixture(scope="module")
def said():
    """The output of a new process that imports the predictor, and then wandb."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def test_scoring_imports_no_heavy_package_that_it_does_not_need(said):
    assert HEAVY.isdisjoint(said[0].split())


def test_wandb_can_still_be_imported(said):
    assert said[1]
