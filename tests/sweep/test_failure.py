"""Whose fault it was that a point failed: that decides whether it is tried again."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
from subprocess import CalledProcessError

import pytest
import zoo

from litemill.core.errors import ConversionError, ErrorGroup, ModelError
from litemill.models import keras_model, saved_model
from litemill.sweep.failure import failure_of


def wrapped(cause, kind=ModelError):
    """Return an error as what calls a library raises it."""
    error = kind("model.keras", "Keras does not load it")
    error.__cause__ = cause
    return error


def hidden(cause):
    """Return an error that was raised `from None` while another was handled."""
    error = ModelError("model.keras", "no such file")
    error.__context__, error.__suppress_context__ = cause, True
    return error


def test_what_is_refused_is_refused_again():
    """Several lines are one, without the point's name."""
    both = ErrorGroup([ConversionError("variant ab", "one"), ConversionError("variant ab", "2")])
    found = failure_of(both, "variant ab: ")
    assert ("one | 2", True, False) == (found.error, found.lasting, found.full)
    assert failure_of(wrapped(ValueError("unknown layer"))).lasting


@pytest.mark.parametrize(
    "cause",
    [
        OSError(errno.EMFILE, os.strerror(errno.EMFILE)),
        MemoryError(),
        RuntimeError("can't start new thread"),
        ModelError("x", "OSError: [Errno 24] Too many open files"),
        CalledProcessError(-9, "tflite_convert"),
        CalledProcessError(1, "tflite_convert", stderr="terminate: std::bad_alloc"),
        ModelError("x", "ResourceExhaustedError: OOM when allocating tensor"),
    ],
)
def test_what_the_machine_lacked_does_not_last(cause):
    """However deep it lies, and where another error hides it, or is one of several."""
    deep = wrapped(cause, ConversionError)
    for error in (deep, wrapped(deep), hidden(cause), ErrorGroup([ModelError("a", "b"), deep])):
        found = failure_of(error)
        assert (str(error).replace("\n", " | "), False) == (found.error, found.lasting)
        assert not found.full


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_recognised_behind_other_errors(code):
    """As an error of this process, as words of another one, and as TensorFlow says it."""
    told = os.strerror(code)
    said = CalledProcessError(1, "tflite_convert", stderr=f"OSError: {told}: 'x'")
    for cause in (OSError(code, told), ModelError("x", f"model.h5; {told}"), said):
        found = failure_of(wrapped(cause))
        assert (told, True, False) == (found.error, found.full, found.lasting)


def test_other_errors_do_not_last():
    """They may be mistakes of Litemill; the next version should not have to know."""
    found = failure_of(ValueError("two\nlines"))
    assert ("ValueError: two lines", False) == (found.error, found.lasting)


@pytest.fixture
def no_files():
    """Let this process open no more files."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, limits[1]))
    taken = []
    with contextlib.suppress(OSError):
        while True:
            taken.append(os.dup(1))
    yield
    for one in taken:
        os.close(one)
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize(
    "load", [keras_model.load_keras_file, lambda file: saved_model.load_signature(file.parent, "x")]
)
def test_too_many_open_files_are_not_the_models_fault(request, load):
    """Keras and TensorFlow say it in their own ways."""
    source = zoo.source("cnn")
    file = (
        source.source.keras_file
        if load is keras_model.load_keras_file
        else source.saved_model / "x"
    )
    request.getfixturevalue("no_files")
    with pytest.raises(ModelError) as raised:
        load(file)
    assert not failure_of(raised.value).lasting
