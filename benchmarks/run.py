"""Reruns benchmarks with the commands recorded in their result files, and updates the tables of the README.

    python benchmarks/run.py                  # lists all benchmarks, with the commit and the command of each
    python benchmarks/run.py cam inference    # runs these two in sequence; keep the machine idle meanwhile

Data sets are expected in data/. A benchmark that keeps its runs resumes after an interruption and skips what is
finished.
"""

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path

import readme
from seeds import RESULTS

EXPERIMENTS = Path(__file__).parent / "experiments.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="names of result files, without .json")
    names = parser.parse_args().names
    known = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))}
    unknown = [name for name in names if name not in known]
    if unknown:
        parser.error(f"no results called {', '.join(unknown)}; known are {', '.join(known)}")
    if not names:
        for name, result in known.items():
            print(f"{name:28} {result['commit'][:10]}  {result['command']}")
        return
    for words in dict.fromkeys(tuple(command(known[name]["command"], name)) for name in names):
        print(shlex.join(words), flush=True)
        subprocess.run(words, check=True)
    readme.main()


def command(recorded: str, result: str) -> list[str]:
    """The command to run for one recorded in a result; comparisons and studies run through experiments.py.

    Args:
        recorded: the command.
        result: the name of the result, such as compare_NAME_VARIANT.
    """
    program, *words = shlex.split(recorded)
    if program == "python":
        return [sys.executable, *words]
    kind, *options = words
    place = options.index("--config")
    name = Path(options[place + 1]).stem
    variant = result.removeprefix(f"{kind}_{name}").removeprefix("_")
    named = [name, "--variant", variant] if variant else [name]
    return [sys.executable, str(EXPERIMENTS), kind, *named, *options[:place], *options[place + 2 :]]


if __name__ == "__main__":
    main()
