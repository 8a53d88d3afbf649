"""Keeps the earlier results of a folder in a subfolder when the new ones will answer a different question."""

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

TEACHERS = "distillation.teachers"
Names = Mapping[str, Mapping[str, str]]  # names of runs, by model and seed


def set_aside(runs: Runs, planned: Sequence[PlannedRun], expected: Mapping[str, str], files: Sequence[str]) -> str:
    """Moves earlier results to a subfolder, unless they come from the same runs and will simply be rewritten.

    Args:
        runs: the runs, whose folder holds the results.
        planned: all runs that the new results will be based on.
        expected: what else the record must agree on, such as the protocol.
        files: file names of results; the first is their record, JSON.

    Returns:
        A message saying where the results are now and what differs; "" if they stay or there are none.
    """
    record = runs.root / files[0]
    if not record.is_file():
        return ""
    before, expected, names = _read(record), {**expected, "side": runs.side}, names_of(planned)
    changed = changes({key: before.get(key) for key in expected}, expected)
    earlier = before.get("runs")
    if not _are_names(earlier):
        changed.append("the runs they were based on are not known")
    elif earlier != names:
        changed += [*_other_runs(earlier, names), _other_settings(earlier, runs, planned)]
    if not changed:
        return ""
    return f"earlier results moved to {move_results(record, files[1:]).name}/: {'; '.join(changed)}"


def _read(record: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(record.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        return {}


def _are_names(runs: Any) -> TypeGuard[Names]:
    """Whether this names runs by model and seed; a damaged record may not."""
    if not isinstance(runs, dict) or not all(isinstance(seeds, dict) and seeds for seeds in runs.values()):
        return False
    names = [name for seeds in runs.values() for name in seeds.values()]
    return bool(names) and all(isinstance(name, str) for name in names)


def _other_runs(earlier: Names, now: Names) -> list[str]:
    """How the models and seeds differ, as messages."""
    both = {"models": (earlier, now), "seeds": (next(iter(earlier.values())), next(iter(now.values())))}
    return [
        f"{what} were {' '.join(sorted(before))} and are {' '.join(sorted(after))}"
        for what, (before, after) in both.items()
        if set(before) != set(after)  # a record may list them in any order
    ]


def _other_settings(earlier: Names, runs: Runs, planned: Sequence[PlannedRun]) -> str:
    """What changed in the settings of the first model whose settings differ, or else apart from settings."""
    known = [run for run in planned if run.model in earlier]
    for run in known:
        try:
            before = _settings(runs, runs.settings_path(next(iter(earlier[run.model].values()))), run)
        except UserError:
            return f"the earlier settings of {run.model} are missing"
        if changed := changes(before, _settings(runs, runs.write_settings(run), run)):
            return f"settings of {run.model}: {'; '.join(changed)}"
    if any(earlier[run.model].get(str(run.config.seed), run.name) != run.name for run in known):
        return "photos, grades, initial weights or package versions differ"
    return "the settings are the same"


def _settings(runs: Runs, path: Path, run: PlannedRun) -> dict[str, Any]:
    """The settings that determine the weights of a run, except its seed and teachers among the runs themselves.

    If the run has such teachers now, all are left out, since their folders may have moved with its own.

    Raises:
        UserError: the file does not exist or holds no settings.
    """
    settings = read_document(path, "settings")
    if not isinstance(settings, dict):
        raise UserError(f"settings {path}: not a mapping")
    found = {option: value for option, value in deciding_settings(settings) if option != "seed" and value != {}}
    own = runs.root.resolve()
    teachers = [path for path in found.pop(TEACHERS, []) if not (run.teachers or Path(path).is_relative_to(own))]
    return found | ({TEACHERS: teachers} if teachers else {})
