"""The connection to a Ray cluster, or one line why there is none."""

from __future__ import annotations

import os
import socket

from litemill.core import extras
from litemill.core.errors import ConfigError

PATIENCE = 5.0  # seconds that a cluster has to answer
LOCAL = ("localhost", "127.0.0.1", "::1")


def connect(address: str) -> None:
    """Connect this process to the Ray cluster at an address.

    Raises:
        ConfigError: Ray is not installed, or there is no cluster.
    """
    # Before Ray is imported: it reads them then.
    os.environ.update({"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"})
    os.environ.setdefault("RAY_gcs_server_port_wait_time_s", "1")  # tries, not seconds: one
    extras.require("ray", "engine=ray", ", or engine=local")
    import ray

    _refuse_silent(address)
    try:
        ray.init(
            address=address,
            log_to_driver=False,
            configure_logging=False,
            logging_level="ERROR",
        )
    except (ConnectionError, RuntimeError, TimeoutError, ValueError) as error:
        raise _unreachable(address, str(error).splitlines()[0].partition(". ")[0]) from None


def _refuse_silent(address: str) -> None:
    """Refuse an address where nothing answers; Ray would try for minutes."""
    if address in ("auto", "local"):
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host in LOCAL and not address.startswith("ray://"):
        from ray.util import get_node_ip_address

        host = get_node_ip_address()  # where Ray itself will look
    if not host or not port.isdigit():
        problem = "not an address"
        raise ConfigError(
            f"address={address}", problem, "expected HOST:PORT, ray://HOST:PORT or auto"
        )
    try:
        socket.create_connection((host, int(port)), timeout=PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(address, getattr(error, "strerror", None) or str(error)) from None


def _unreachable(address: str, reason: str) -> ConfigError:
    expected = "`ray start --head` starts a cluster and tells its address"
    return ConfigError(f"address={address}", f"no Ray cluster there ({reason})", expected)
