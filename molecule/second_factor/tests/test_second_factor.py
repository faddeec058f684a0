"""What a login server asks for beside a key, tried for real; each refusal with the counter-test that shows what refuses."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch
from urllib.parse import parse_qs, urlparse

import pytest

from module_utils.second_factor.enrolment import Secret, uri, written
from tests.access.node import PATIENCE, STATE, Node, have_read, in_operators_place, overlay
from tests.support.security_key import PIN_ASKED, TOUCHED, SecurityKey
from tests.support.totp import STEP, code, time_left

pytestmark = pytest.mark.twin

ROOT = Path(__file__).resolve().parents[3]
LOGIN = Node("login1")
ADDRESS = "192.0.2.10"  # the login server's on the institutions' segment
KEPT = "/var/lib/kakehashi-second-factor"
READ = have_read("ssh", "/run/sshd.pid")
PAM, SSHD = "/etc/pam.d/sshd", "/etc/ssh/sshd_config"
LACKS_CODE = "Permission denied (keyboard-interactive)"
PARTLY = "with partial success"
# What a device shows at the moment when it is asked, however long the login took to get there; never in a step's last seconds.
WHEN_ASKED = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from tests.support.totp import code, time_left
if time_left() < {STEP // 3}:
    time.sleep(time_left())
print(code(sys.argv[1], int(sys.argv[2])))
"""


class Device:
    """A person's device: a secret in hex that the login server knows, too, and how many questions it was asked."""

    def __init__(self, room: Path, key: str) -> None:
        """Write the program that ssh asks."""
        self.room, self.key = room, key
        self.answers()

    def answers(self, how: str = "") -> None:
        """Let the program that ssh asks answer with the code, or do what ``how`` says."""
        (self.room / "ask").write_text(f'#!/bin/sh\necho "$1" >>{self.room}/asked\n{how or f"cat {self.room}/code"}\n')
        (self.room / "ask").chmod(0o700)

    def login(self, *options: str, say: str = "", command: str = "id -un", user: str = "sato") -> tuple[str, str]:
        """Log in from an institution and answer every question with ``say``; return what was printed, and what ssh said."""
        config, by = overlay()["twin_ssh_config"], overlay()["ansible_ssh_private_key_file"]
        through = f"ssh -F {config} -i {by} -W %h:%p {overlay()['ansible_user']}@inst-a1"
        (self.room / "code").write_text(f"{say}\n")
        (self.room / "asked").write_text("")
        done = in_operators_place(
            "env", f"SSH_ASKPASS={self.room}/ask", "SSH_ASKPASS_REQUIRE=force",
            "ssh", "-v", "-n", *options, "-F", config, "-o", f"ProxyCommand={through}", "-o", "HostKeyAlias=login1",
            "-o", "PreferredAuthentications=publickey,keyboard-interactive", "-o", "NumberOfPasswordPrompts=1",
            "-i", str(STATE / "keys" / f"account-{user}"), f"{user}@{ADDRESS}", command,
        )  # fmt: skip
        return done.stdout.strip(), done.stderr

    @property
    def questions(self) -> int:
        """How often the last login was asked for something."""
        return len((self.room / "asked").read_text().splitlines())

    def renew(self) -> None:
        """Give the login server the secret as if nothing of it had been used, and forget failures."""
        text = written("sato", Secret(self.key, int(time.time())))
        LOGIN.out(f"umask 077; cat >{KEPT}/secrets/sato; rm -f {KEPT}/failures/sato", stdin=text)
        if time_left() < 10:  # no code changes in the middle of a test
            time.sleep(time_left())


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Device, str, Path]:
    """Enrol sato by the playbook; return the device, what the playbook printed, and the file that is handed over."""
    room = tmp_path_factory.mktemp("hand-over")
    said = playbook("-e", "enrol=sato", "-e", f"hand_over={room}")
    query = parse_qs(urlparse((room / "sato").read_text().strip()).query)
    return Device(tmp_path_factory.mktemp("device"), _hex(query["secret"][0])), said, room / "sato"


@pytest.fixture
def device(enrolled: tuple[Device, str, Path]) -> Device:
    enrolled[0].renew()
    return enrolled[0]


def playbook(*arguments: str) -> str:
    """Run second_factor.yml as people do, with differences shown."""
    sources = [f"--inventory={ROOT / 'inventories/twin'}", f"--inventory={STATE / 'overlay'}"]
    sources += [f"--inventory={ROOT / 'molecule/second_factor/inventory'}"]
    done = subprocess.run(
        [ROOT / ".venv/bin/ansible-playbook", "--diff", "-v", *sources, "playbooks/second_factor.yml", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=5 * PATIENCE,
        env={**os.environ, "ANSIBLE_SSH_EXECUTABLE": "ssh", "ANSIBLE_FORCE_COLOR": "false", "ANSIBLE_NOCOLOR": "true"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    # As it reads: Ansible breaks lines, and doubles quotes.
    return " ".join((done.stdout + done.stderr).split()).replace("''", "'")


def _hex(text: str) -> str:
    return base64.b32decode(text + "=" * (-len(text) % 8)).hex()


@contextmanager
def without(*edits: tuple[str, str]) -> Iterator[None]:
    """Edit files of the login server (sed expressions) for the time of the block; sshd reads them."""
    with LOGIN.put_back(*{path for _edit, path in edits}, after=READ):
        for edit, path in edits:
            LOGIN.out(f"sed -i '{edit}' {path}")
        LOGIN.out(READ)
        yield


def test_a_secret_is_handed_over_once_and_shown_nowhere(enrolled: tuple[Device, str, Path]) -> None:
    device, said, file = enrolled
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert file.read_text().strip() == uri("sato", "twin", Secret(device.key, 0))
    assert "Enrolled: sato." in said
    assert "they can't log in: kato, suzuki, tanaka." in said
    assert device.key not in said
    assert parse_qs(urlparse(file.read_text().strip()).query)["secret"][0] not in said
    assert LOGIN.out(f"stat -c '%a %U' {KEPT} {KEPT}/secrets {KEPT}/secrets/sato").split() == ["700", "root"] * 2 + [
        "600",
        "root",
    ]
    assert LOGIN.run(f"sudo -u sato ls {KEPT}/secrets").returncode != 0
    assert device.key not in LOGIN.out("journalctl --sync; journalctl --no-pager")


def test_a_key_alone_is_not_enough(device: Device) -> None:
    out, err = device.login("-o", "BatchMode=yes")
    assert (out, PARTLY in err, LACKS_CODE in err) == ("", True, True)
    assert device.login(say=code(device.key))[0] == "sato"
    with without(("/^Match User sato,/,/^$/d", SSHD)):
        assert device.login("-o", "BatchMode=yes")[0] == "sato"


def test_a_code_is_nothing_without_the_key(device: Device) -> None:
    for method in ("keyboard-interactive", "password"):
        out, err = device.login("-o", f"PreferredAuthentications={method}", say=code(device.key))
        assert (out, device.questions) == ("", 0)
        assert "Permission denied (publickey)" in err
    assert device.login(say=code(device.key))[0] == "sato"


def test_a_wrong_code_is_refused(device: Device) -> None:
    right = code(device.key)
    wrong = str((int(right) + 1) % 10**6).zfill(6)
    assert wrong not in {code(device.key, step) for step in (-1, 1)}
    out, err = device.login(say=wrong)
    assert (out, device.questions, LACKS_CODE in err) == ("", 1, True)
    assert device.login(say=right)[0] == "sato"
    with without(("s/^auth .*pam_oath.*/auth [success=1 default=bad] pam_permit.so/", PAM)):
        assert device.login(say=wrong, command="true; id -un")[0] == "sato"


def test_a_code_is_taken_once(device: Device) -> None:
    used = code(device.key)
    assert device.login(say=used)[0] == "sato"
    assert device.login(say=used)[0] == ""
    assert device.login(say=code(device.key, 1))[0] == "sato"
    assert device.login(say=used)[0] == ""  # nor is one from before the last
    device.renew()  # what was used is forgotten
    assert device.login(say=code(device.key))[0] == "sato"


@pytest.mark.parametrize(("step", "taken"), [(-2, False), (-1, True), (1, True), (2, False)])
def test_clocks_may_differ_by_one_step(device: Device, step: int, taken: bool) -> None:
    (device.room / "when_asked.py").write_text(WHEN_ASKED)
    device.answers(f"exec {sys.executable} {device.room}/when_asked.py {device.key} {step}")
    try:
        out, err = device.login()
    finally:
        device.answers()
    assert device.questions == 1, err
    assert (out == "sato") is taken, err


def test_guessing_ends_after_five_tries(device: Device) -> None:
    for _unused in range(5):
        device.login(say="000000")
        assert device.questions == 1
    out, _unused2 = device.login(say=code(device.key))
    assert (out, device.questions) == ("", 0)
    assert "0" not in LOGIN.out(f"stat -c %s {KEPT}/failures/sato").split()
    with without(("/pam_faillock/d;s/success=1 default=bad/success=done default=die/", PAM)):
        assert device.login(say=code(device.key))[0] == "sato"
    LOGIN.out(f"faillock --dir {KEPT}/failures --user sato --reset")
    assert device.login(say=code(device.key, 1))[0] == "sato"


def test_a_question_without_an_answer_is_no_try(device: Device) -> None:
    """As validation does it: it sees the question and goes away."""
    device.answers("echo seen >&2; kill $PPID")
    try:
        for _unused in range(6):
            out, err = device.login()
            assert (out, device.questions) == ("", 1)
            assert PARTLY in err
            assert "seen" in err
    finally:
        device.answers()
    assert device.login(say=code(device.key))[0] == "sato"


def test_who_was_not_enrolled_stays_outside(device: Device) -> None:
    LOGIN.out(f"rm {KEPT}/secrets/sato")
    assert device.login(say=code(device.key))[0] == ""
    device.renew()
    assert device.login(say=code(device.key))[0] == "sato"


def test_without_the_module_nobody_gets_in(device: Device) -> None:
    module = LOGIN.out("find / -xdev -name pam_oath.so").strip()
    LOGIN.out(f"mv {module} {module}.away")
    try:
        assert device.login(say=code(device.key))[0] == ""
    finally:
        LOGIN.out(f"mv {module}.away {module}")
    assert device.login(say=code(device.key))[0] == "sato"


def test_elsewhere_nobody_is_asked_for_a_code(device: Device) -> None:
    """With sshd's own list of origins gone PAM refuses alone, and before the question: else it would only after the code."""
    everywhere, nowhere = (
        ("/^AllowUsers sato@/d;0,/^AllowUsers/s//AllowUsers sato\\nAllowUsers/", SSHD),
        ("/^+:sato:/d", "/etc/security/access.conf"),
    )
    loose = ("s/^auth .*pam_access.*//", PAM)
    plain = ('s/^from="[^"]*",\\?//', "/etc/ssh/authorized_keys.d/sato")
    with without(everywhere, nowhere, plain):
        out, err = device.login(say=code(device.key))
        assert (out, PARTLY in err, device.questions) == ("", True, 0)
        LOGIN.out(f"sed -i '{loose[0]}' {PAM}")
        out, err = device.login(say=code(device.key))
        assert (out, device.questions) == ("", 1)  # the account stage refuses, after the code
    assert device.login(say=code(device.key, 1))[0] == "sato"


def test_with_a_code_nothing_more_is_allowed_than_before(device: Device) -> None:
    out, err = device.login("-W", "192.0.2.101:22", say=code(device.key), command="")
    assert "administratively prohibited" in err
    assert out == ""


def test_an_operator_comes_by_key() -> None:
    assert LOGIN.effective("aoki", "203.0.113.2")["authenticationmethods"] == "publickey"
    assert LOGIN.out("id -un").strip() == "root"


def test_a_session_outlives_the_withdrawal(device: Device) -> None:
    go = "/home/sato/go"
    wait = f"echo in >{go}.in; until [ -e {go} ]; do sleep 0.2; done; id -un"
    # It lasts as long as the run meanwhile.
    with patch("tests.access.node.PATIENCE", 6 * PATIENCE), ThreadPoolExecutor(1) as pool:
        session = pool.submit(device.login, say=code(device.key), command=wait)
        LOGIN.out(f"timeout {PATIENCE} sh -c 'until [ -e {go}.in ]; do sleep 0.2; done'")
        said = playbook("-e", "withdraw=sato")
        LOGIN.out(f"touch {go}")
        assert session.result()[0] == "sato"
    LOGIN.out(f"rm {go} {go}.in")
    assert "Withdrawn: sato." in said
    out, _unused = device.login(say=code(device.key, 1))
    assert (out, device.questions) == ("", 0)


def test_a_lost_phone_opens_nothing_any_more(device: Device, tmp_path: Path) -> None:
    old = device.key
    playbook("-e", "enrol=sato", "-e", f"hand_over={tmp_path}")
    assert device.login(say=code(old))[0] == ""
    query = parse_qs(urlparse((tmp_path / "sato").read_text().strip()).query)
    new = _hex(query["secret"][0])
    assert new != old
    assert device.login(say=code(new))[0] == "sato"


@pytest.mark.parametrize(
    ("flags", "taken"),
    [(TOUCHED | PIN_ASKED, True), (TOUCHED, False), (PIN_ASKED, False), (0, False)],
)
def test_a_security_key_is_touched_and_asks_for_its_pin(device: Device, tmp_path: Path, flags: int, taken: bool) -> None:
    keys, key = "/etc/ssh/authorized_keys.d/kato", SecurityKey(flags)
    kept = LOGIN.out(f"cat {keys}")
    LOGIN.out(f"cat >{keys}", stdin=f"{kept.partition('ssh-ed25519 ')[0]}{key.public}\n")
    (tmp_path / "key.pub").write_text(f"{key.public}\n")
    mine = ("-o", f"IdentityAgent={tmp_path / 'agent'}", "-o", f"IdentityFile={tmp_path / 'key.pub'}")
    try:
        with key.agent(tmp_path / "agent"):
            assert (device.login(*mine, user="kato")[0] == "kato") is taken
            assert device.questions == 0
            if not taken:
                with without(("/PubkeyAuthOptions/d", SSHD)):
                    assert (device.login(*mine, user="kato")[0] == "kato") is bool(flags & TOUCHED)
    finally:
        LOGIN.out(f"cat >{keys}", stdin=kept)


def test_no_plain_key_of_somebody_with_security_keys(device: Device) -> None:
    assert device.login(user="kato")[0] == ""
    with without(("/PubkeyAcceptedAlgorithms sk-[^,]*,sk-[^,]*$/d;/PubkeyAuthOptions/d", SSHD)):
        assert device.login(user="kato")[0] == "kato"
