from __future__ import annotations

from importlib import metadata

import pytest
from project import ROOT

from litemill.config.toolchain import (
    installed_version,
    pinned_versions,
    read_lock,
    version_mismatches,
)
from litemill.core.errors import ErrorGroup, ToolchainError
from litemill.pipeline.stage_table import STAGES

NUMPY = metadata.version("numpy")
PACKAGES = {stage.name: stage.toolchain for stage in STAGES.values() if stage.toolchain}


@pytest.fixture
def lock(tmp_path):
    """Return a copy of the project's lock."""
    path = tmp_path / "requirements.lock"
    path.write_text((ROOT / "requirements.lock").read_text())
    return path


def pin(lock, name, version):
    """Change one pin."""
    text = lock.read_text()
    lock.write_text(text.replace(f"\n{name}=={read_lock(lock)[name]} ", f"\n{name}=={version} "))


def lines(lock, allow=()):
    """Return the lines that `pinned` refuses a lock with."""
    with pytest.raises(ErrorGroup) as refused:
        pinned_versions(lock, PACKAGES, allow)
    return str(refused.value).splitlines()


def test_locked_reads_names_as_pip_compares_them(tmp_path):
    """Dots, underscores and capitals make no difference; markers and hashes are no version."""
    path = tmp_path / "lock"
    path.write_text(
        "# a==1\nRuamel.yaml_clib==0.2.12 \\\n    --hash=sha256:00\n"
        "backports-strenum==1.2.8 ; python_version < '3.13'\nplain==2.0\n"
    )

    expected = {"ruamel-yaml-clib": "0.2.12", "backports-strenum": "1.2.8", "plain": "2.0"}
    assert expected == read_lock(path)


def test_locked_misses_a_lock_that_is_not_there(tmp_path):
    """One line, not a traceback."""
    with pytest.raises(ToolchainError, match=r"none\.lock: no such file"):
        read_lock(tmp_path / "none.lock")


def test_the_environment_of_this_test_run_is_the_pinned_one():
    """Every stage has the versions that can change its artifacts, and no others."""
    found = pinned_versions(ROOT / "requirements.lock", PACKAGES)

    assert {stage: sorted(names) for stage, names in PACKAGES.items()} == {
        stage: sorted(versions) for stage, versions in found.items()
    }
    assert NUMPY == found["train"]["numpy"]


@pytest.mark.parametrize("stage", ["export", "convert", "sweep"])
def test_what_writes_tflite_files_is_a_part_of_the_toolchain(stage):
    """TensorFlow's converter hands each file to the package flatbuffers."""
    assert {"flatbuffers", "tensorflow"} <= set(PACKAGES[stage])


def test_a_difference_names_package_found_and_expected(lock):
    """And the command that mends it."""
    pin(lock, "numpy", "9.9.9")

    expected = (
        f"toolchain: numpy: found {NUMPY}; expected 9.9.9 (requirements.lock; `make` installs it)"
    )
    assert [expected] == lines(lock)


def test_all_differences_are_reported(lock):
    """Not the first of them."""
    pin(lock, "numpy", "9.9.9")
    pin(lock, "tensorflow-cpu", "9.9.9")

    assert ["numpy", "tensorflow"] == [line.split(": ")[1] for line in lines(lock)]


def test_a_package_that_is_not_installed_is_a_difference():
    """There is nothing to compare with."""
    [error] = version_mismatches({"no-such-package": "1.0"})

    assert "toolchain: no-such-package: found none; expected 1.0" in str(error)


def test_a_package_that_the_lock_lost_is_reported(lock):
    """An artifact's toolchain is known as a whole, or not at all."""
    lock.write_text(lock.read_text().replace("\nkeras==", "\nqeras=="))

    assert ["requirements.lock: keras: not pinned; expected a version"] == lines(lock)


def test_an_allowed_difference_builds_with_what_is_installed(lock):
    """So that stages depend on the true version."""
    pin(lock, "numpy", "9.9.9")

    assert NUMPY == pinned_versions(lock, PACKAGES, ["numpy"])["validate"]["numpy"]


def test_allowing_an_unknown_package_is_refused(lock):
    """A typing error would otherwise allow nothing."""
    expected = "toolchain.allow: no 'nunpy'; did you mean 'numpy'?"

    assert [expected] == lines(lock, ["nunpy"])


def test_packages_that_change_no_artifact_are_not_looked_at(lock):
    """A new test tool rebuilds nothing, and stops nothing."""
    before = pinned_versions(lock, PACKAGES)
    pin(lock, "rich", "999")
    pin(lock, "dvc", "999")

    assert before == pinned_versions(lock, PACKAGES)


def test_both_builds_of_tensorflow_are_one(tmp_path):
    """Their converter and kernels are the same; a lock may pin either."""
    for name in ("tensorflow", "tensorflow-cpu"):
        (tmp_path / "lock").write_text(f"{name}==2.21.0 \\\n    --hash=sha256:00\n")
        assert "2.21.0" == read_lock(tmp_path / "lock")["tensorflow"]
    assert metadata.version("tensorflow-cpu") == installed_version("tensorflow")


def test_litemill_has_to_be_the_pinned_one(lock):
    """Where the package is not beside the project; its version is in no stage's section."""
    before = pinned_versions(lock, PACKAGES)
    own = metadata.version("litemill")
    text = lock.read_text()
    lock.write_text(f"{text}\nlitemill=={own} \\\n    --hash=sha256:00\n")
    assert before == pinned_versions(lock, PACKAGES)

    lock.write_text(f"{text}\nlitemill==9.9 \\\n    --hash=sha256:00\n")

    expected = "expected 9.9 (requirements.lock; `make` installs it)"
    assert [f"toolchain: litemill: found {own}; {expected}"] == lines(lock)
    assert before == pinned_versions(lock, PACKAGES, ["litemill"])


def test_installed_is_none_for_what_is_not_there():
    """And the version of what is."""
    assert None is installed_version("no-such-package")
    assert NUMPY == installed_version("numpy")
