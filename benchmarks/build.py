"""How long builds take, against a script that does the same: `python -m benchmarks.build`.

Everything is measured in one run, in turns, in temporary copies of this project with a DVC cache of
their own:

    cold       `dvc repro` with no artifacts and an empty cache, against the straight-line script
    one edit   an option of one variant changed, to its verdict, against the same script
    next edit  the same again at once, while the worker that imported TensorFlow is there
    back       that option changed back, which DVC's run cache answers, against `dvc checkout` of
               the same files
    no-op      `dvc repro` with nothing to do, against DVC on a dummy DAG with as many stages; and
               that DAG with our `params:` on our build/params.json, against the one without
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from benchmarks.straight_line import VARIANTS
from benchmarks.timing import machine, table
from litemill.core.files import remove

ROOT = Path(__file__).resolve().parents[1]
DVC = (sys.executable, "-m", "dvc")
SCRIPT = (sys.executable, "-m", "benchmarks.straight_line")
PARAMS = "build/params.json"
IDLE = 10  # seconds that a worker waits for more to do
NOOPS = 3  # no-op builds in each round: they are short


def main() -> None:
    """Measure as often as the command line says, and print seconds and ratios."""
    parser = argparse.ArgumentParser(description="Compare builds with a straight-line script.")
    parser.add_argument("--runs", type=int, default=2, help="rounds (default: %(default)s)")
    runs = parser.parse_args().runs
    print(machine())
    seconds: dict[str, list[float]] = {}
    with TemporaryDirectory() as folder:
        for number in range(runs):
            for name, took in measure(Path(folder) / str(number)).items():
                seconds.setdefault(name, []).extend(took)
            print(f"round {number + 1} of {runs} done", file=sys.stderr, flush=True)
    pairs = dict.fromkeys(("cold", "one edit", "next edit"), "script")
    pairs["back"] = "checkout"
    pairs |= dict.fromkeys(("no-op", "dummy no-op, params"), "dummy no-op")
    print("\n".join(table(seconds, pairs)))


def measure(folder: Path) -> dict[str, list[float]]:
    """Measure one round; return the seconds by name."""
    project = copied(folder / "project")
    choose(project, variants=list(VARIANTS))
    found = {"script": [run(project, *SCRIPT)], "cold": [run(project, *DVC, "repro")]}
    idle = {
        "no-op": project,
        "dummy no-op": dummied(folder / "dummy", params(project)),
        "dummy no-op, params": dummied(folder / "params", params(project), project / PARAMS),
    }
    for _ in range(NOOPS):
        for name, place in idle.items():
            found.setdefault(name, []).append(run(place, *DVC, "repro"))
    time.sleep(IDLE + 1)  # until the worker of the cold build is gone
    for name, samples in (("one edit", 99), ("next edit", 98)):
        edit(project, samples)
        found[name] = [run(project, *DVC, "repro", "gate")]
    edit(project, 99)
    found["back"] = [run(project, *DVC, "repro", "gate")]
    for name in ("convert/int8", "validate/int8.json", "report", "gate"):
        remove(project / "build" / name)
    found["checkout"] = [run(project, *DVC, "checkout", "--quiet")]
    return found


def copied(folder: Path) -> Path:
    """Copy the project as it is here, committed or not, with nothing built."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if name != "dvc.lock" and not name.startswith("build/") and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    run(folder, "git", "init", "--quiet")
    return folder


def params(project: Path) -> list[list[str]]:
    """Return the parameters that each stage of a build depends on."""
    lock = yaml.safe_load((project / "dvc.lock").read_bytes())["stages"]
    return [list(stage.get("params", {}).get(PARAMS, {})) for stage in lock.values()]


def dummied(folder: Path, keys: list[list[str]], resolved: Path | None = None) -> Path:
    """Make and build a DVC project of a stage for each of `keys`, in a row, which copies a file.

    With a file of parameters, stages depend on their keys in a copy of it.
    """
    folder.mkdir()
    (folder / "0.txt").write_text("nothing\n", encoding="utf-8")
    chain = {}
    for i, own in enumerate(keys):
        stage: dict[str, Any] = {"cmd": f"cp {i}.txt {i + 1}.txt", "deps": [f"{i}.txt"]}
        if resolved and own:
            stage["params"] = [{resolved.name: own}]
        chain[f"stage{i}"] = stage | {"outs": [f"{i + 1}.txt"]}
    if resolved:
        shutil.copy2(resolved, folder)
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": chain}), encoding="utf-8")
    run(folder, "git", "init", "--quiet")
    run(folder, *DVC, "init", "--quiet")
    run(folder, *DVC, "repro")
    return folder


def edit(project: Path, samples: int) -> None:
    """Change the number of calibration samples of int8."""
    choose(project, overrides={"variants": {"int8": {"calibration": {"samples": samples}}}})


def choose(project: Path, **values: Any) -> None:
    """Change keys of params.yaml."""
    path = project / "params.yaml"
    params = yaml.safe_load(path.read_bytes()) | values
    path.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def run(folder: Path, *command: str) -> float:
    """Run a command in a folder and return its seconds; show what it printed when it fails."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DVC_SITE_CACHE_DIR": str(folder.parent / "site"),
        "DVC_NO_ANALYTICS": "1",
        "LITEMILL_WORKER_IDLE": str(IDLE),
    }
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    took = time.perf_counter() - start
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        sys.exit(f"{' '.join(command)}: exit status {done.returncode}")
    return took


if __name__ == "__main__":
    main()
