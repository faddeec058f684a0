"""Sessions on a login server are recorded whatever is asked for, and the log server has them."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from tests.access.node import PATIENCE, Node, have_read, in_operators_place, overlay

pytestmark = pytest.mark.twin

LOGIN, LOG = Node("login1"), Node("log1")
FILES = ("/etc/ssh/sshd_config", "/etc/security/access.conf", "/etc/ssh/authorized_keys.d/sato", "/etc/passwd")
RELOAD = have_read("ssh", "/run/sshd.pid")
# Says so if the recorder is above. The brackets keep the words from being found in the very command that looks for them.
BELOW = (
    "p=$$; while [ $p -gt 1 ]; do grep -qa 'sbin/[k]akehashi-record' /proc/$p/cmdline && echo recorded; "
    r"p=$(sed 's/.*) . \([0-9]*\).*/\1/' /proc/$p/stat); done; true"
)
OPEN = f"""
rm -f /run/test-key*; ssh-keygen -q -t ed25519 -N '' -f /run/test-key; cat /run/test-key.pub >>/etc/ssh/authorized_keys.d/sato
sed -i '1i AllowUsers sato@127.0.0.1' /etc/ssh/sshd_config; sed -i '1i +:sato:127.0.0.1' /etc/security/access.conf; {RELOAD}
"""


@pytest.fixture(scope="module", autouse=True)
def way_in() -> Iterator[None]:
    """Let the account in over loopback, so that real logins need no other host."""
    with LOGIN.put_back(*FILES, after=f"rm -f /run/test-key*; {RELOAD}"):
        LOGIN.out(OPEN)
        yield


@contextmanager
def changed(change: str) -> Iterator[None]:
    """Change users and sshd on the login server for a while."""
    LOGIN.out(f"cp -a /etc/ssh/sshd_config /run/test-sshd; cp -a /etc/passwd /run/test-passwd; {change}; {RELOAD}")
    try:
        yield
    finally:
        LOGIN.out(f"cp -a /run/test-sshd /etc/ssh/sshd_config; cp -a /run/test-passwd /etc/passwd; rm /run/test-*d; {RELOAD}")


def ssh(*words: str) -> str:
    options = "-F none -i /run/test-key -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no"
    return f"ssh {options} -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR {words[0]} sato@127.0.0.1 {shlex.join(words[1:])}"


def by_operator(kind: str, command: str) -> str:
    """Return what an operator's command says, by a connection of its own: one that stands may be older than the rules."""
    found = overlay()
    options = ["-F", found["twin_ssh_config"], "-i", found["ansible_ssh_private_key_file"], "-o", "ControlPath=none", kind]
    return in_operators_place("ssh", *options, f"{found['ansible_user']}@login1", command).stdout


def of_log_server(mark: str, user: str = "sato") -> str:
    """Return the recording that holds a mark, once the log server has all of it."""
    end = time.monotonic() + 2 * PATIENCE
    others: set[str] = set()  # sessions that are whole and don't hold it
    while time.monotonic() < end:
        for line in LOG.out(f"kakehashi-audit sessions --user {user} --host login1").splitlines()[::-1]:
            session = line.split()[0]
            if session in others:
                continue
            shown = LOG.run(f"kakehashi-audit replay {session}")
            if "whole; status" not in shown.stderr:
                continue
            if mark in shown.stdout:
                return shown.stdout
            others.add(session)
        time.sleep(0.5)
    raise AssertionError(f"no recording of {mark} on the log server")


def test_a_command_is_recorded_with_what_goes_in_and_out() -> None:
    mark = uuid4().hex
    assert LOGIN.out(f"echo {mark} | {ssh('-T', 'rev')}").strip() == mark[::-1]
    assert f"<- {mark}\n{mark[::-1]}" in of_log_server(mark)


def test_a_shell_without_a_terminal_is_recorded() -> None:
    mark = uuid4().hex
    for words in (("-T",), ("-T", "bash"), ("-T", "bash -i")):
        assert "recorded" in LOGIN.out(f"{ssh(*words)} 2>&1", stdin=f": {mark}\n{BELOW}\nexit\n")
    assert mark in of_log_server(mark)


def test_a_terminal_is_recorded_but_for_what_is_typed() -> None:
    mark, secret = uuid4().hex, uuid4().hex
    asked = f"tty && stty -echo && echo {mark[:16]}''{mark[16:]} && read -r x && stty echo && echo got ${{#x}}"
    # It is typed once nothing is shown any more, and the terminal stays until that was read.
    wait = f"timeout {PATIENCE // 3} sh -c 'until grep -qs \"$1\" /run/test-said; do sleep 0.1; done' wait"
    typed = f"({wait} {mark}; echo {secret}; {wait} 'got 32')"
    LOGIN.run("rm -f /run/test-said")
    said = LOGIN.out(f"{typed} | {ssh('-tt', asked)} >/run/test-said; cat /run/test-said; rm /run/test-said")
    assert mark in said
    shown = of_log_server(mark)
    assert "got 32" in shown
    assert secret not in shown


def test_exit_status_and_bytes_are_the_commands_own() -> None:
    assert LOGIN.run(ssh("-T", "exit 7")).returncode == 7
    assert LOGIN.run(ssh("-tt", "exit 9")).returncode == 9
    script = f"head -c 2000000 /dev/urandom >/run/test-bytes; {ssh('-T', 'cat')} </run/test-bytes | cmp - /run/test-bytes"
    assert LOGIN.run(f"{script}; rm /run/test-bytes").returncode == 0


def test_of_files_the_names_are_recorded() -> None:
    name = uuid4().hex
    copied = ssh("").replace("ssh ", "scp -q ", 1).split(" sato@")[0]
    LOGIN.out(f"{copied} /etc/hostname sato@127.0.0.1:{name}; cmp /etc/hostname /home/sato/{name}; rm /home/sato/{name}")
    assert f'open "{name}"' in of_log_server(name)


def test_the_recorder_is_out_of_reach() -> None:
    script = (
        "for f in /proc/[0-9]*; do grep -qa 'sbin/[k]akehashi-record' $f/cmdline && kill -9 ${f#/proc/}; done; echo left; "
        "for t in /dev/pts/[0-9]*; do echo x >$t && [ $t != $(tty) ] && echo open; done; "
        "for f in /usr/local/sbin/kakehashi-shell /var/log/journal/*/system.journal /var/lib/kakehashi-sessions; do "
        "head -c 1 $f >/dev/null && echo open; ls $f/ && echo open; done; true"
    )
    said = LOGIN.out(f"{ssh('-tt', script)} 2>&1 </dev/null; true")
    assert "Operation not permitted" in said
    assert "left" in said
    assert not re.search(r"^open", said, re.MULTILINE)


@pytest.mark.parametrize(
    "removed",
    [
        pytest.param("sed -i '/^ *ForceCommand/d' /etc/ssh/sshd_config", id="by the login shell alone"),
        pytest.param("usermod --shell /bin/bash sato", id="by sshd alone"),
    ],
)
def test_each_of_both_records_alone(removed: str) -> None:
    with changed(removed):
        for words in (("-T", BELOW), ("-tt", BELOW)):
            assert "recorded" in LOGIN.out(f"{ssh(*words)} </dev/null")


def test_with_neither_it_is_not_recorded() -> None:
    with changed("sed -i '/^ *ForceCommand/d' /etc/ssh/sshd_config; usermod --shell /bin/bash sato"):
        assert "recorded" not in LOGIN.out(ssh("-T", BELOW))


def test_what_the_users_own_files_begin_is_recorded() -> None:
    bashrc = "/home/sato/.bashrc"
    try:
        LOGIN.out(f"cat >{bashrc}; chown sato: {bashrc}", stdin=f"( {BELOW} ) | grep -q recorded || echo slipped\n")
        assert "slipped" not in LOGIN.out(ssh("-T", "true"))
        with changed("usermod --shell /bin/bash sato"):
            assert "slipped" in LOGIN.out(ssh("-T", "true"))  # so the login shell is needed, sshd's setting alone is not enough
    finally:
        LOGIN.out(f"rm -f {bashrc}")


def test_nobody_gets_in_where_nothing_is_kept_but_operators() -> None:
    try:
        LOGIN.out("systemctl stop kakehashi-sessions.socket")
        refused = LOGIN.run(ssh("-T", "true"))
        assert refused.returncode != 0
        assert "can't be recorded" in refused.stderr
        assert by_operator("-T", "id -un") == "aoki\n"
        assert "aoki" in by_operator("-tt", "id -un")
    finally:
        LOGIN.out("systemctl start kakehashi-sessions.socket")


def test_what_operators_automation_runs_is_logged_and_not_recorded() -> None:
    mark = uuid4().hex
    assert by_operator("-T", f"echo {mark}; sudo -n id -u") == f"{mark}\n0\n"
    assert mark in LOGIN.out(f"journalctl --sync; journalctl -q -t kakehashi-command --since -5min --grep {mark} --output cat")
    assert mark not in LOGIN.out("journalctl -q -t kakehashi-session --since -5min --output cat")


def test_an_operators_terminal_is_recorded() -> None:
    mark = uuid4().hex
    assert mark in by_operator("-tt", f"echo {mark}")
    assert mark in of_log_server(mark, "aoki")
