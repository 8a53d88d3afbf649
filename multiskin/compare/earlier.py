"""Results that stand in a folder from before: where another question is asked now, they are kept, and kept apart."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from multiskin.compare.plan import PlannedRun, names_of
from multiskin.compare.runs import Runs
from multiskin.documents import read_document
from multiskin.errors import UserError
from multiskin.run import move_results
from multiskin.training.checkpoints import changes, deciding_settings

Names = Mapping[str, Mapping[str, str]]  # of runs, by model and seed


def set_aside(runs: Runs, planned: Sequence[PlannedRun], asked: Mapping[str, str], files: Sequence[str]) -> str:
    """Moves results to a folder of their own, unless they are of the same runs and will be written anew.

    Args:
        runs: whose folder it is.
        planned: all that the results to come rest on.
        asked: what their record says beside, such as the protocol.
        files: names of results, of which the first one is their record, JSON.

    Returns:
        Where the results are now and what differs; "" if they stay, or there are none.
    """
    record = runs.root / files[0]
    if not record.is_file():
        return ""
    before, asked, names = _read(record), {**asked, "side": runs.side}, names_of(planned)
    changed = changes({key: before.get(key) for key in asked}, asked)
    earlier = before.get("runs")
    if not _are_names(earlier):
        changed.append("which runs they rest on is not known")
    elif earlier != names:
        changed += [*_other_runs(earlier, names), _other_settings(earlier, runs, planned)]
    if not changed:
        return ""
    return f"the results that were here are in {move_results(record, files[1:]).name}/ now: {'; '.join(changed)}"


def _read(record: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(record.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        return {}


def _are_names(runs: Any) -> TypeGuard[Names]:
    """Whether a record names runs by model and seed, as it may have been damaged."""
    if not isinstance(runs, dict) or not all(isinstance(seeds, dict) and seeds for seeds in runs.values()):
        return False
    names = [name for seeds in runs.values() for name in seeds.values()]
    return bool(names) and all(isinstance(name, str) for name in names)


def _other_runs(earlier: Names, now: Names) -> list[str]:
    """Which models and seeds there were and are."""
    both = {"models": (earlier, now), "seeds": (next(iter(earlier.values())), next(iter(now.values())))}
    return [
        f"{what} were {' '.join(sorted(before))} and are {' '.join(sorted(after))}"
        for what, (before, after) in both.items()
        if set(before) != set(after)  # a record may have them in any order
    ]


def _other_settings(earlier: Names, runs: Runs, planned: Sequence[PlannedRun]) -> str:
    """What has changed in the settings of the first model that has others, or else beside settings."""
    known = [run for run in planned if run.model in earlier]
    for run in known:
        try:
            before = _settings(runs.inputs(next(iter(earlier[run.model].values()))))
        except UserError:
            return f"the settings that {run.model} had are gone"
        if changed := changes(before, _settings(runs.settings(run))):
            return f"settings of {run.model}: {'; '.join(changed)}"
    if any(earlier[run.model].get(str(run.config.seed), run.name) != run.name for run in known):
        return "photos, grades, first weights or versions of packages are others"
    return "settings are the same"


def _settings(path: Path) -> dict[str, Any]:
    """What decides on the weights of a run, but its seed.

    Raises:
        UserError: no such file, or none of settings.
    """
    settings = read_document(path, "settings")
    if not isinstance(settings, dict):
        raise UserError(f"settings {path}: not a mapping")
    return {option: value for option, value in deciding_settings(settings) if option != "seed" and value != {}}
