"""A run ends before anything is armed where the certificate by which it logs in ends too soon: the tasks, by the real Ansible."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.site.test_serial_plays import HERE, OFF, ROOT, ran, said

CERTIFIED = {"login_restriction": {"users": [{"name": "aoki", "authorities": ["ssh-ed25519 AAAA"]}]}}
PLAIN = {"login_restriction": {"users": [{"name": "aoki", "authorities": []}]}}


def tasks_of(name: str, *names: str) -> list[dict[str, Any]]:
    """Return some tasks of a file, by their names."""
    found = yaml.safe_load((ROOT / "playbooks/tasks" / name).read_text())
    return [task for task in found if task["name"] in names]


CHECKS = tasks_of(
    "change_checks.yml",
    "See until when the certificates are good by which this run logs in",
    "Refuse to begin with a certificate that ends during the run",
)
BEGIN = tasks_of("change_begin.yml", "Refuse to begin with a certificate that ends during the change")


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file that tells, as sshd's does, of a login by a certificate that is good for half an hour."""
    for name in ("ca", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    words = ["-s", str(tmp_path / "ca"), "-I", "aoki-2026-11", "-n", "aoki", "-V", "-1m:+30m", str(tmp_path / "key.pub")]
    subprocess.run(["ssh-keygen", "-q", *words], check=True, capture_output=True)
    file = tmp_path / "told"
    file.write_text(f"publickey {' '.join((tmp_path / 'key-cert.pub').read_text().split()[:2])}\n")
    monkeypatch.setenv("SSH_USER_AUTH", str(file))
    return file


def begun(place: Path, hosts: dict[str, dict[str, Any]], views: dict[str, Any], **values: Any) -> tuple[int, str]:
    first = {"hosts": "all", "gather_facts": False, "any_errors_fatal": True, "tasks": CHECKS}
    armed = {"name": "Change", "block": [*BEGIN, said("armed")], "rescue": [said("undone")]}
    then = {"hosts": "all", "gather_facts": False, "tasks": [armed]}
    return ran(place, [first, then], hosts, fabric_views=views, **values)


@pytest.mark.usefixtures("certificate")
def test_a_run_that_may_take_longer_is_not_begun_on_any_host(tmp_path: Path) -> None:
    code, output = begun(tmp_path, {"login1": HERE, "mdx1": HERE}, {"login1": CERTIFIED, "mdx1": CERTIFIED})
    assert code != 0
    assert "armed" not in output
    assert "Nothing was changed on any host. On login1 (likewise on mdx1), " in output
    assert "logged in by the certificate 'aoki-2026-11', which ends at " in output
    assert "-e change_run_seconds=900." in output


@pytest.mark.usefixtures("certificate")
def test_a_run_that_says_it_takes_less_begins(tmp_path: Path) -> None:
    code, output = begun(tmp_path, {"mdx1": HERE}, {"mdx1": CERTIFIED}, change_run_seconds=900, change_seconds=600)
    assert ("armed mdx1" in output, code) == (True, 0), output


@pytest.mark.usefixtures("certificate")
@pytest.mark.parametrize(("seconds", "armed"), [(1600, True), (1790, False)])
def test_each_change_asks_again(tmp_path: Path, seconds: int, armed: bool) -> None:
    begin = {"hosts": "all", "gather_facts": False, "tasks": [*BEGIN, said("armed")]}
    _code, output = ran(tmp_path, [begin], {"mdx1": HERE}, fabric_views={"mdx1": CERTIFIED}, change_seconds=seconds)
    assert ("armed mdx1" in output) == armed, output
    assert ("Nothing was begun here: " in output) == (not armed)


@pytest.mark.usefixtures("certificate")
def test_where_no_certificates_are_taken_nothing_is_asked(tmp_path: Path) -> None:
    code, output = begun(tmp_path, {"login1": HERE, "foreign": HERE}, {"login1": PLAIN, "foreign": {"managed": False}})
    assert code == 0
    assert "armed login1" in output


def test_a_login_by_a_plain_key_and_a_host_that_is_off_hinder_nothing(tmp_path: Path, certificate: Path) -> None:
    certificate.write_text("publickey ssh-ed25519 AAAA\n")
    _code, output = begun(tmp_path, {"off": OFF, "login1": HERE}, {"login1": CERTIFIED, "off": CERTIFIED})
    assert "armed login1" in output


@pytest.mark.usefixtures("certificate")
def test_an_inventory_that_becomes_root_everywhere_hides_nothing(tmp_path: Path) -> None:
    code, output = begun(tmp_path, {"mdx1": {**HERE, "ansible_become": True}}, {"mdx1": CERTIFIED})
    assert code != 0
    assert "logged in by the certificate 'aoki-2026-11', which ends at " in output


@pytest.mark.usefixtures("certificate")
def test_what_only_looks_is_let_through(tmp_path: Path) -> None:
    code, output = begun(tmp_path, {"mdx1": HERE}, {"mdx1": CERTIFIED}, rotate_status=True, change_seconds=600)
    assert ("armed mdx1" in output, code) == (True, 0), output


@pytest.mark.usefixtures("certificate")
def test_a_change_that_takes_away_by_what_one_came_is_not_begun(tmp_path: Path) -> None:
    code, output = begun(tmp_path, {"mdx1": HERE}, {"mdx1": CERTIFIED}, change_run_seconds=900, ansible_user="aoki")
    assert "this change takes away by what" in " ".join(output.split()), output
    assert "whose authority is no longer named" in " ".join(output.split())
    assert ("armed" in output, code) == (False, 0), "refused on that host, and told by its rescue"
