"""What DVC users do besides `dvc repro`: experiments, queues, differences, pictures."""

from __future__ import annotations

import json

import pytest
import yaml
from project import ROOT, fresh

pytestmark = pytest.mark.pipeline

INT8 = "build/report/metrics/int8.json"


def experiments(release):
    """Give the experiments of `dvc exp show`, by name."""
    shown = json.loads(release.dvc("exp", "show", "--json").out)
    found = [one for branch in shown for one in branch.get("experiments") or []]
    revisions = {one["name"] or one["revs"][0]["name"]: one["revs"][0] for one in found}
    return {name: revision["data"] for name, revision in revisions.items()}


def run(release, *words):
    """Run `dvc exp run`, which must succeed."""
    done = release.dvc("exp", "run", *words)
    assert 0 == done.status, done.out + done.err
    return done


def test_an_experiment_with_fewer_variants_runs_no_tensorflow(release):
    """`-S 'variants=[float32]'`."""
    done = run(release, "--name", "small", "-S", "variants=[float32]")

    assert ["configure", "compile", "report", "gate", "package"] == done.stages
    folder = release.root / "build/report/metrics"
    assert ["float32.json"] == [path.name for path in folder.iterdir()]
    assert {"small"} == set(experiments(release))


@pytest.mark.slow
def test_an_experiment_with_another_model_and_data_works(release):
    """`-S model=... -S data=...`, with one option more."""
    words = ["-S", "model=diabetes_mlp", "-S", "data=diabetes", "-S", "+overrides.train.seed=3"]

    run(release, "--name", "other", *words)

    shown = experiments(release)["other"]
    resolved = shown["params"]["build/params.json"]["data"]
    assert ("regression", 3) == (resolved["train"]["task"], resolved["train"]["fit"]["seed"])
    assert shown["metrics"][INT8]["data"]["mean_absolute_error"] > 0


def test_an_option_is_set_as_the_design_says(tmp_path):
    """`-S '+overrides.train.epochs=3'`, on params.yaml as it is committed."""
    project = fresh(tmp_path)
    project.write("params.yaml", (ROOT / "params.yaml").read_text())
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message", "Begin")

    done = run(project, "-S", "+overrides.train.epochs=3", "-S", "variants=[int8]", "configure")

    assert ["configure"] == done.stages
    resolved = yaml.safe_load(project.read("build/params.json"))
    assert 3 == resolved["train"]["fit"]["epochs"]
    assert ["int8"] == list(resolved["convert"])


@pytest.mark.slow
def test_queued_experiments_run_apart_from_the_workspace(release):
    """`--queue`, then `--run-all`: two variants' options, each judged."""
    option = "+overrides.variants.int8.calibration.samples"
    for count in (20, 40):
        run(release, "--queue", "--name", f"samples-{count}", "-S", f"{option}={count}")
    before = release.built()

    done = run(release, "--run-all", "--jobs", "1")

    assert {"convert@int8", "validate@int8"} <= set(done.stages)
    assert "train" not in done.stages
    assert before == release.built(), done.out
    assert "" == release.git("status", "--porcelain")
    shown = experiments(release)
    assert {"samples-20", "samples-40"} == set(shown)
    for name, data in shown.items():
        resolved = data["params"]["build/params.json"]["data"]
        samples = resolved["convert"]["int8"]["calibration"]["samples"]
        assert name == f"samples-{samples}"
        assert data["metrics"][INT8]["data"]["snr_db"] > 0


@pytest.mark.slow
def test_differences_name_the_resolved_keys(release):
    """`dvc params diff` and `dvc metrics diff` tell what an edit of conf/ means."""
    release.edit("conf/variant/int8.yaml", "samples: 100", "samples: 5")
    release.repro()

    params = json.loads(release.dvc("params", "diff", "--json").out)
    metrics = json.loads(release.dvc("metrics", "diff", "--json").out)

    expected = {"convert.int8.calibration.samples": {"old": 100, "new": 5}}
    told = {
        key: {"old": d["old"], "new": d["new"]} for key, d in params["build/params.json"].items()
    }
    assert expected == told
    assert "snr_db" in metrics[INT8]
    assert not [path for path in metrics if path.endswith("float32.json")]


def test_the_graph_shows_every_stage(release):
    """`dvc dag`."""
    done = release.dvc("dag", "--dot")

    assert 0 == done.status
    for edge in (
        '"configure" -> "prepare"',
        '"convert@int8" -> "validate@int8"',
        '"report" -> "gate"',
        '"gate" -> "package"',
    ):
        assert edge in done.out
    assert 0 == release.dvc("dag").status


def test_stages_are_listed_with_what_they_do(release):
    """`dvc stage list`."""
    done = release.dvc("stage", "list")

    assert 0 == done.status
    assert 12 == len(done.out.splitlines())
    assert "Compose conf/ and params.yaml" in done.out


def test_plots_show_training_and_sizes(release):
    """`dvc plots show`."""
    done = release.dvc("plots", "show")

    assert 0 == done.status, done.err
    page = (release.root / "dvc_plots/index.html").read_text()
    for title in ("Loss", "Size against quality", "confusion"):
        assert title in page


def test_metrics_are_shown_as_a_table(release):
    """`dvc metrics show`, of training and of every variant."""
    done = release.dvc("metrics", "show", "--md")

    assert 0 == done.status
    assert "build/report/metrics/float32.json" in done.out
    assert INT8 in done.out
    assert "snr_db" in done.out
    assert "loss" in done.out
