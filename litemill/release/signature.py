"""Signing and verifying with the user's own key, in the OpenSSF model-signing format.

`model.sig` covers every file but SHA256SUMS, which follows from the others and lists it. No network
is used. The signature's own bytes differ each time: model-signing writes its statement in no fixed
order and ECDSA draws a number; everything that is signed is reproducible.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from litemill.core.errors import ReleaseError
from litemill.release.layout import SIGNATURE, SUMS
from litemill.runtime.capture_output import capture_output

if TYPE_CHECKING:
    from pathlib import Path

CURVES = ("secp256r1", "secp384r1", "secp521r1")


def sign(folder: Path, key: Path) -> None:
    """Write model.sig into a folder.

    Raises:
        ReleaseError: not a private key on a curve that the format supports.
    """
    _private(key)
    from model_signing import hashing, signing

    hashed = hashing.Config().set_ignored_paths(paths=[SIGNATURE, SUMS], ignore_git_paths=False)
    config = signing.Config().use_elliptic_key_signer(private_key=key)
    with capture_output(Exception):
        config.set_hashing_config(hashed).sign(folder, folder / SIGNATURE)


def refuse_other_signature(folder: Path, key: Path) -> None:
    """Verify the signature of a folder.

    Raises:
        ReleaseError: not signed, not by this key, or not these files.
    """
    _public(key)
    if not (folder / SIGNATURE).is_file():
        raise ReleaseError(SIGNATURE, "not signed", f"expected a signature by {key}")
    from model_signing import hashing, verifying

    # Which files are left out is fixed here, not taken from the signature alone.
    hashed = hashing.Config().set_ignored_paths(paths=[SIGNATURE, SUMS], ignore_git_paths=False)
    config = verifying.Config().use_elliptic_key_verifier(public_key=key)
    try:
        with capture_output(Exception):
            _refuse_ignored(folder)
            config.set_hashing_config(hashed).verify(folder, folder / SIGNATURE)
    except ReleaseError:
        raise
    except Exception as error:  # noqa: BLE001  # the library lets every parser's own error through
        why = str(error).strip() or type(error).__name__
        raise ReleaseError(SIGNATURE, f"not a signature of these files by {key} ({why})") from None


def public_key(key: Path) -> bytes:
    """Return the public key of a private key file, as PEM."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = _private(key).public_key()
    return bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def _refuse_ignored(folder: Path) -> None:
    """Refuse a signature that leaves out other files; its predicate says which."""
    import base64
    import json

    bundle = json.loads((folder / SIGNATURE).read_bytes())
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    ignored = set(statement["predicate"]["serialization"].get("ignore_paths", []))
    if not ignored <= {SIGNATURE, SUMS}:
        expected = f"expected all files but {SIGNATURE} and {SUMS}"
        raise ReleaseError(SIGNATURE, f"leaves out {sorted(ignored)}", expected)


def _private(path: Path) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return _key(path, lambda pem: load_pem_private_key(pem, None), "private")


def _public(path: Path) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    return _key(path, load_pem_public_key, "public")


def _key(path: Path, load: Any, kind: str) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm

    curves = f"on one of: {', '.join(CURVES)}"
    expected = f"expected an unencrypted {kind} key in PEM, {curves}"
    try:
        with warnings.catch_warnings(action="ignore"):
            key = load(path.read_bytes())
    except FileNotFoundError:
        raise ReleaseError(path, "no such file", expected) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ReleaseError(path, f"not a {kind} key that can be used", expected) from None
    curve = getattr(key, "curve", None)
    if curve is None or curve.name not in CURVES:
        found = f"a key on {curve.name}" if curve else "a key of another kind"
        raise ReleaseError(path, found, f"expected an elliptic curve key {curves}")
    return key
