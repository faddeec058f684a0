"""Operators' certificates on a node, over the login server: who gets in by them, and what a run makes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.access.node import PATIENCE, STATE, Node, in_operators_place, overlay

pytestmark = pytest.mark.twin

NODE = Node("mdx1")
ROOT = Path(__file__).resolve().parents[3]
SCENARIO = Path(__file__).resolve().parents[1]
KEYS = "/etc/ssh/authorized_keys.d"


def play(name: str, *more: str) -> tuple[int, str]:
    """Run a playbook of the scenario, as somebody who is in the operators' place."""
    sources = [f"--inventory={ROOT}/inventories/twin", f"--inventory={STATE}/overlay"]
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), *sources, *more, SCENARIO / f"{name}.yml"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=5 * PATIENCE,
        env={**os.environ, "ANSIBLE_CONFIG": f"{ROOT}/ansible.cfg", "ANSIBLE_SSH_EXECUTABLE": "ssh", "ANSIBLE_NOCOLOR": "true"},
    )  # fmt: skip
    return done.returncode, " ".join((done.stdout + done.stderr).split()).replace("''", "'")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a place with an authority that the node trusts until these tests are over, and a key that nobody has declared."""
    path = tmp_path_factory.mktemp("operators")
    for name in ("ca", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path / name)], check=True)
    variables = {
        "fabric_operator_authorities": [(path / "ca.pub").read_text().strip()],
        "fabric_revoked_certificates": ["lost"],
    }
    (path / "hosts.yml").write_text(yaml.safe_dump({"all": {"vars": variables}}))
    code, output = play("operators", f"--inventory={path}/hosts.yml")
    assert code == 0, output
    yield path
    code, output = play("operators")
    assert code == 0, output
    assert NODE.run(f"grep -r cert-authority {KEYS}").returncode == 1


def certify(room: Path, user: str, name: str = "2026-11", validity: str = "-1m:+16h") -> None:
    words = ["-s", str(room / "ca"), "-I", name, "-n", user, "-V", validity, str(room / "key.pub")]
    subprocess.run(["ssh-keygen", "-q", *words], check=True, capture_output=True)


def log_in(room: Path, user: str, command: str = "id -un") -> str:
    """Return what a command says on the node in a session of a user who shows the key and its certificate there."""
    hop = f"ssh -F {overlay()['twin_ssh_config_fresh']} -W 192.0.2.101:22 login1"
    options = ["-o", f"ProxyCommand={hop}", "-o", f"UserKnownHostsFile={overlay()['twin_known_hosts']}"]
    options += ["-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "IdentityAgent=none", "-i", str(room / "key")]
    done = in_operators_place("ssh", "-n", "-T", "-F", "none", *options, f"{user}@mdx1", command)
    assert done.returncode == 0 or "Permission denied" in done.stderr, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("user", ["aoki", "ueda"])
def test_operators_get_in_by_certificate(room: Path, user: str) -> None:
    certify(room, user)
    assert log_in(room, user) == user
    (room / "key-cert.pub").unlink()
    assert log_in(room, user) == ""


def test_nobody_else_does_and_not_by_every_certificate(room: Path) -> None:
    for user in ("sato", "breakglass", "root"):
        certify(room, user)
        assert log_in(room, user) == ""
    certify(room, "ueda", name="lost")
    assert log_in(room, "ueda") == ""
    certify(room, "ueda", validity="-2h:-1h")
    assert log_in(room, "ueda") == ""
    certify(room, "ueda", name="found")
    assert log_in(room, "ueda") == "ueda"


def test_a_session_by_a_certificate_that_is_revoked_then_ends(room: Path) -> None:
    certify(room, "ueda", name="stolen")
    hop = f"ssh -F {overlay()['twin_ssh_config_fresh']} -W 192.0.2.101:22 login1"
    options = ["-o", f"ProxyCommand={hop}", "-o", f"UserKnownHostsFile={overlay()['twin_known_hosts']}", "-i", str(room / "key")]
    words = ["ssh", "-T", "-F", "none", *options, "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "ueda@mdx1"]
    with subprocess.Popen([*words, "echo in; cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session:
        assert session.stdout is not None
        assert session.stdout.readline() == "in\n"
        inventory = yaml.safe_load((room / "hosts.yml").read_text())
        inventory["all"]["vars"]["fabric_revoked_certificates"] += ["stolen"]
        (room / "more.yml").write_text(yaml.safe_dump(inventory))
        code, output = play("operators", f"--inventory={room}/more.yml")
        try:
            assert code == 0, output
            assert session.wait(PATIENCE) != 0
        finally:
            session.kill()


def test_a_change_that_the_certificate_does_not_outlast_is_not_armed(room: Path) -> None:
    as_certified = [f"--inventory={room}/hosts.yml", "-e", f"ansible_ssh_private_key_file={room}/key"]
    certify(room, "aoki", name="aoki-short", validity="-1m:+5m")
    held = "ls /var/lib/kakehashi-change 2>/dev/null || true; systemctl list-timers --all --no-legend 'kakehashi*'"
    before = NODE.out(held)
    code, output = play("begin", *as_certified, "-e", f"ansible_control_path_dir={room}/short")
    assert code != 0
    assert "aoki logged in by the certificate 'aoki-short', which ends at " in output, output
    assert "Arm the way back" not in output
    assert NODE.out(held) == before
    certify(room, "aoki", name="aoki-long")
    # The connection that was shared goes on with the certificate it began with.
    code, output = play("begin", *as_certified, "-e", f"ansible_control_path_dir={room}/short")
    assert (code != 0, "'aoki-short'" in output) == (True, True), output
    code, output = play("begin", *as_certified, "-e", f"ansible_control_path_dir={room}/long")
    assert (code, "Arm the way back" in output) == (0, True), output
