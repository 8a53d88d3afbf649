"""What importing the network does not bring along."""

import subprocess
import sys

HEAVY = {"wandb", "scipy.stats", "scipy.optimize", "pandas", "sklearn", "matplotlib", "pytorch_lightning", "gradio"}


def test_scoring_imports_nothing_that_it_does_not_need():
    program = "import sys, multiskin.inference.predictor as _; print(*sorted(sys.modules))"
    imported = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert HEAVY.isdisjoint(imported.split())


def test_wandb_can_be_imported_all_the_same():
    program = "import multiskin.models, wandb; print(wandb.__version__)"
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
