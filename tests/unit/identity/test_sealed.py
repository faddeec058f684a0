"""A sealed credential: made once, opened by its passphrase alone, and its passphrase nowhere to be seen."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from jinja2.nativetypes import NativeEnvironment

from module_utils.identity import sealed
from module_utils.identity.sealed import Sealed, SealError, client_config, passphrase_of
from module_utils.programs import run
from tests.support.modules import call

PASSPHRASE = "correct horse battery staple"  # noqa: S105 - of keys that these tests make


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "_ROUNDS", "1")


@pytest.fixture
def wanted(tmp_path: Path) -> dict[str, Any]:
    """Arguments that seal a credential."""
    return {"path": str(tmp_path / "glass"), "name": "glass", "passphrase": PASSPHRASE}


def test_it_is_made_once_and_opens_by_its_passphrase_alone(wanted: dict[str, Any], tmp_path: Path) -> None:
    would = call("sealed_key", wanted, check=True)
    assert (would["changed"], would["public_key"], list(tmp_path.iterdir())) == (True, "", [])
    made = call("sealed_key", wanted)
    assert (made["changed"], made["public_key"].split()[2]) == (True, "glass")
    assert (tmp_path / "glass").stat().st_mode & 0o777 == 0o600
    again = call("sealed_key", wanted)
    assert (again["changed"], again["public_key"]) == (False, made["public_key"])
    other = call("sealed_key", {**wanted, "passphrase": PASSPHRASE[::-1]})
    assert other["msg"].endswith("incorrect passphrase supplied to decrypt private key; is it the right passphrase?.")
    bare = subprocess.run(["ssh-keygen", "-y", "-P", "", "-f", str(tmp_path / "glass")], capture_output=True, check=False)
    assert bare.returncode != 0


def test_a_public_half_that_is_lost_is_told_again(wanted: dict[str, Any], tmp_path: Path) -> None:
    made = call("sealed_key", wanted)
    (tmp_path / "glass.pub").unlink()
    assert call("sealed_key", wanted)["public_key"] == made["public_key"]
    (tmp_path / "glass.pub").write_text("ssh-ed25519 other glass\n")
    assert "is not the public half of" in call("sealed_key", wanted)["msg"]


def test_another_one_keeps_the_one_of_before(wanted: dict[str, Any], tmp_path: Path) -> None:
    first = call("sealed_key", wanted)
    before = (tmp_path / "glass").read_text()
    renewed = call("sealed_key", {**wanted, "passphrase": f"another {PASSPHRASE}", "replace": True})
    assert renewed["public_key"] != first["public_key"]
    assert (tmp_path / "glass.before").read_text() == before
    told = call("sealed_key", {**wanted, "replace": True})["msg"]
    assert told == f"{tmp_path}/glass.before is there still: destroy it once nothing takes its public half any more."


def test_the_passphrase_is_in_no_output_log_or_list_of_processes(
    wanted: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[str] = []

    def watched(argv: list[str], failure: type[Exception]) -> subprocess.CompletedProcess[str]:
        seen.append(repr(argv))
        return run(argv, failure)

    monkeypatch.setattr(AnsibleModule, "log", lambda _self, msg, log_args=None: seen.append(f"{msg} {log_args}"))
    monkeypatch.setattr(sealed, "run", watched)
    for arguments in (wanted, {**wanted, "passphrase": PASSPHRASE[::-1]}):
        seen.append(repr(call("sealed_key", arguments)))
    seen.append(repr(call("sealed_login", {**wanted, "host": "192.0.2.1", "ssh_config": str(tmp_path / "none")})))
    assert len(seen) > 5, "all were looked at"
    assert not [text for text in seen if "staple" in text or PASSPHRASE[::-1] in text]
    assert not list(sealed._MEMORY.glob("kakehashi-sealed-*"))


def test_a_passphrase_comes_from_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text(f"{PASSPHRASE}\nnot this\n")
    file.chmod(0o600)
    assert passphrase_of("", str(file)) == PASSPHRASE
    for mode in (0o640, 0o604):
        file.chmod(mode)
        with pytest.raises(SealError, match="others can read"):
            passphrase_of("", str(file))


@pytest.mark.parametrize(
    ("given", "file", "words"),
    [
        ("too short", "", "shorter than 20 characters"),
        ("", "", "shorter than 20 characters"),
        (f"{PASSPHRASE}\n{PASSPHRASE}", "", "no plain line"),
        ("", "/none", r"/none can't be read \(No such file or directory\): name the file"),
    ],
)
def test_what_is_no_passphrase(given: str, file: str, words: str) -> None:
    with pytest.raises(SealError, match=words):
        passphrase_of(given, file)


def test_each_hop_is_asked_for_by_this_credential(tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.write_text("Host *\n User aoki\n IdentityFile /home/aoki/key\n ControlPath /tmp/shared\n ControlMaster auto\n")
    ways = "Host login1\n    HostName 192.0.2.10\nHost mdx1\n    HostName 192.0.2.101\n    ProxyJump login1\n"
    file = tmp_path / "config"
    file.write_text(client_config(Sealed(tmp_path / "glass", "glass"), ways, str(more)))
    for host, address in (("login1", "192.0.2.10"), ("mdx1", "192.0.2.101")):
        said = subprocess.run(["ssh", "-F", str(file), "-G", host], capture_output=True, text=True, check=True).stdout
        found = dict(line.split(None, 1) for line in reversed(said.splitlines()))
        assert (found["user"], found["hostname"], found["identityagent"]) == ("glass", address, "none")
        assert (found["identityfile"], found["controlmaster"], found.get("controlpath", "none")) == (
            str(tmp_path / "glass"),
            "false",
            "none",
        )
    assert found["proxyjump"] == "login1"


def test_a_host_that_nobody_knows_is_no_question(tmp_path: Path) -> None:
    """Without a way that says so, too: the program that tells the passphrase would be asked, for ever."""
    file = tmp_path / "config"
    file.write_text(client_config(Sealed(tmp_path / "glass", "glass"), "", ""))
    said = subprocess.run(["ssh", "-F", str(file), "-G", "mdx1"], capture_output=True, text=True, check=True).stdout
    assert "stricthostkeychecking true\n" in said


def test_a_login_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ssh").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(sealed, "_BOUND", 1)
    assert sealed.log_in("", "mdx1", PASSPHRASE) == "the login did not come to its end within 1 seconds"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_passphrase(tmp_path: Path, number: int) -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[3])!r})\n"
        "from pathlib import Path; from module_utils.identity import sealed\n"
        f"sealed._MEMORY = Path({str(tmp_path)!r})\n"
        f"with sealed._helper({PASSPHRASE!r}):\n print('made', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as made:
        assert made.stdout is not None
        assert made.stdout.readline() == b"made\n"
        assert list(tmp_path.glob("kakehashi-sealed-*/passphrase"))
        made.send_signal(number)
        assert made.wait(20) == 128 + number
    assert not list(tmp_path.glob("kakehashi-sealed-*"))


KNOWN = "UserKnownHostsFile=build/known_hosts/mine"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("", []),
        ("-F build/show/mine/ssh_config", []),
        (f"-F build/show/mine/ssh_config -o {KNOWN}", [KNOWN]),
        (f"-o{KNOWN} -o StrictHostKeyChecking=no -o GlobalKnownHostsFile=/x", [KNOWN, "GlobalKnownHostsFile=/x"]),
        ('-o "UserKnownHostsFile /a /b" -C', ["UserKnownHostsFile /a /b"]),
        ("-o 'UserKnownHostsFile /a /b' -C", ["UserKnownHostsFile /a /b"]),
    ],
)
def test_a_drill_knows_the_hosts_that_ansible_knows(given: str, found: list[str]) -> None:
    play = yaml.safe_load((Path(__file__).parents[3] / "playbooks/break_glass.yml").read_text())[0]["vars"]
    told = {"__known_settings": play["__known_settings"], "ansible_ssh_common_args": given}
    environment = NativeEnvironment()
    environment.filters["regex_findall"] = lambda text, pattern: re.findall(pattern, text)
    assert list(environment.from_string(play["__known"]).render(told)) == found


def test_nobody_logs_in_in_check_mode(wanted: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/none")
    said = call("sealed_login", {**wanted, "host": "mdx1"}, check=True)
    assert (said["opened"], said["changed"]) == (False, False)
    assert os.environ["PATH"] == "/none"
