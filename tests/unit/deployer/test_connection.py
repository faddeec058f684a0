from __future__ import annotations

from pathlib import Path

import pytest

from module_utils.deployer.connection import Connection, UnknownConnectionError, live_connection, parse_environment


@pytest.mark.parametrize(
    ("environment", "connection"),
    [
        (b"A=b\0SSH_CONNECTION=192.0.2.70 5000 192.0.2.101 22\0C=", Connection("192.0.2.70", "192.0.2.101", 22)),
        (b"SSH_CONNECTION=::ffff:192.0.2.7 1 ::ffff:192.0.2.8 22", Connection("192.0.2.7", "192.0.2.8", 22)),
        (b"SSH_CONNECTION=fe80::1%hpc0 1 fe80::2%hpc0 22", Connection("fe80::1", "fe80::2", 22)),
        (b"SSH_CONNECTION=192.0.2.70 5000 192.0.2.101", None),
        (b"SSH_CONNECTION=unknown 65535 unknown 65535", None),
        (b"SSH_CLIENT=192.0.2.70 5000 22", None),
        (b"", None),
    ],
)
def test_reads_sshds_variable(environment: bytes, connection: Connection | None) -> None:
    assert parse_environment(environment) == connection


def process(proc: Path, pid: str, parent: str, environment: bytes, name: str = "a name) with") -> None:
    (proc / pid).mkdir()
    (proc / pid / "environ").write_bytes(environment)
    (proc / pid / "stat").write_text(f"9 ({name}) S {parent} 1 1")


def test_asks_the_parents_because_sudo_clears_the_environment(tmp_path: Path) -> None:
    process(tmp_path, "self", "20", b"PATH=/bin")
    process(tmp_path, "20", "30", b"")
    process(tmp_path, "30", "1", b"SSH_CONNECTION=192.0.2.70 5000 192.0.2.101 2022")
    assert live_connection(tmp_path) == Connection("192.0.2.70", "192.0.2.101", 2022)


def test_a_local_run_has_no_connection(tmp_path: Path) -> None:
    process(tmp_path, "self", "1", b"")
    assert live_connection(tmp_path) is None


@pytest.mark.parametrize("daemon", ["sshd", "sshd-session"])
@pytest.mark.parametrize("environment", [b"", b"SSH_CONNECTION=UNKNOWN 65535 UNKNOWN 65535"])
def test_a_login_without_addresses_is_no_local_run(tmp_path: Path, daemon: str, environment: bytes) -> None:
    process(tmp_path, "self", "20", environment)
    process(tmp_path, "20", "1", b"", daemon)
    with pytest.raises(UnknownConnectionError, match=f"came in through {daemon}, and no process tells from where"):
        live_connection(tmp_path)


def test_the_address_counts_though_a_daemon_is_above(tmp_path: Path) -> None:
    process(tmp_path, "self", "20", b"SSH_CONNECTION=192.0.2.70 5000 192.0.2.101 22")
    process(tmp_path, "20", "1", b"", "sshd")
    assert live_connection(tmp_path) == Connection("192.0.2.70", "192.0.2.101", 22)


def test_processes_that_cannot_be_read_are_no_local_run(tmp_path: Path) -> None:
    process(tmp_path, "self", "20", b"")
    with pytest.raises(UnknownConnectionError, match="can't be read"):
        live_connection(tmp_path)
