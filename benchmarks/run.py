"""Runs benchmarks again, by the commands that stand in their result files, and writes the README's tables anew.

    python benchmarks/run.py                  # which there are, and at which commit each was run last
    python benchmarks/run.py cam inference    # those two, one after the other; leave the machine alone meanwhile

Data sets are looked for in data/. What was finished before is not done again where a benchmark keeps its runs, so that
one that was stopped is gone on with.
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
    parser.add_argument("names", nargs="*", help="of results, without .json")
    names = parser.parse_args().names
    known = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))}
    unknown = [name for name in names if name not in known]
    if unknown:
        parser.error(f"no results called {', '.join(unknown)}; known are {', '.join(known)}")
    if not names:
        for name, result in known.items():
            print(f"{name:28} {result['commit'][:10]}  {result['command']}")
        return
    for words in dict.fromkeys(tuple(command(known[name]["command"])) for name in names):
        print(shlex.join(words), flush=True)
        subprocess.run(words, check=True)
    readme.main()


def command(told: str) -> list[str]:
    """A command as results tell it, for this Python; comparisons and studies by the script that keeps their results."""
    program, *words = shlex.split(told)
    if program == "python":
        return [sys.executable, *words]
    kind, *options = words
    place = options.index("--config")
    name = Path(options[place + 1]).stem
    return [sys.executable, str(EXPERIMENTS), kind, name, *options[:place], *options[place + 2 :]]


if __name__ == "__main__":
    main()
