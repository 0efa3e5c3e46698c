from __future__ import annotations

import platform
import sys

import pytest
from project import ROOT

from litemill.config.lock import Pin, distribution, installable, read_pins
from litemill.core.errors import ToolchainError

ONE, TWO = "1" * 64, "2" * 64


@pytest.fixture
def lock(tmp_path):
    """Return a function that writes a lock and reads its pins."""

    def read(text):
        path = tmp_path / "requirements.lock"
        path.write_text(text, encoding="utf-8")
        return read_pins(path)

    return read


def test_a_pin_has_its_version_and_every_hash(lock):
    """Over several lines, as uv and pip write them; names as pip compares them."""
    hashes = [f"    --hash=sha256:{digest}" for digest in (TWO, ONE)]
    text = " \\\n".join(["# of uv\nRuamel.yaml_clib==0.2.12", *hashes])

    assert [Pin("ruamel-yaml-clib", "0.2.12", (ONE, TWO), applies=True)] == lock(text)


def test_a_marker_decides_where_a_pin_applies(lock):
    """Every pin is read, and those of other machines are not installable."""
    here, other = f"sys_platform == '{sys.platform}'", "sys_platform == 'win32'"
    pins = lock(
        f"a==1 ; {other} \\\n    --hash=sha256:{ONE}\n"
        f"a==2 ; {here} \\\n    --hash=sha256:{TWO}\n"
        f"b==3 ; {other}\nc==4 # via a\n"
    )

    assert ["a", "a", "b", "c"] == [pin.name for pin in pins]
    assert {"a": "2", "c": "4"} == {name: pin.version for name, pin in installable(pins).items()}


@pytest.mark.parametrize(
    "line",
    [
        "./wheels/litemill-0.2.0-py3-none-any.whl",
        "./wheels/litemill-0.2.0-py3-none-any.whl ; python_version >= '3'",
        "litemill @ https://example.org/litemill-0.2.0-py3-none-any.whl",
    ],
)
def test_a_wheel_is_a_pin(lock, line):
    """Its file name has name and version."""
    assert [Pin("litemill", "0.2.0", (ONE,), applies=True)] == lock(f"{line} --hash=sha256:{ONE}")


@pytest.mark.parametrize(
    "line", ["a>=1", "a", "a==1.*", "a==1,!=2", "a === 1", "== 1", "a==1 ; nonsense", "x.whl"]
)
def test_a_line_that_is_no_pin_is_refused(lock, line):
    """A package that may have any version is no toolchain."""
    with pytest.raises(ToolchainError) as refused:
        lock(f"{line}\n")
    assert "expected NAME==VERSION or a wheel" == refused.value.expected
    assert repr(line) in refused.value.found


def test_options_of_pip_are_no_pins(lock):
    """Nor are comments and empty lines."""
    assert [] == lock("--index-url https://example.org/simple\n\n# a==1\n-r other.txt\n")


def test_a_missing_lock_is_one_line(tmp_path):
    """With its name."""
    with pytest.raises(ToolchainError) as refused:
        read_pins(tmp_path / "none.lock")
    assert (str(tmp_path / "none.lock"), "no such file") == (
        refused.value.place,
        refused.value.found,
    )


def test_the_projects_lock_pins_one_tensorflow_here_with_hashes():
    """The universal lock has both builds; each machine installs one of them."""
    pins = read_pins(ROOT / "requirements.lock")
    here = installable(pins)

    assert {"tensorflow", "tensorflow-cpu"} <= {pin.name for pin in pins}
    cpu = (sys.platform, platform.machine()) == ("linux", "x86_64")
    expected = "tensorflow-cpu" if cpu else "tensorflow"
    assert {expected} == {"tensorflow", "tensorflow-cpu"} & {*here}
    assert expected == distribution("tensorflow", here)
    assert "numpy" == distribution("numpy", here)
    assert all(pin.hashes for pin in pins)
