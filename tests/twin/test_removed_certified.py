"""An account of a fabric with a signer is removed while a certificate of it is still good: session, key and certificate end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.twin.machine import wait_until
from tests.twin.rotating import AUTHORITY, ONWARD, PATIENCE, Rotating

pytestmark = [pytest.mark.twin, pytest.mark.identity]
UID, SECONDS = 3001, 10  # within so many seconds of the end of the run nothing is left
SATO = {"name": "sato", "uid": UID, "data_platforms": ["nii"], "compute_platforms": ["mdx"], "probe": True}
KATO = {"name": "kato", "uid": 3004, "data_platforms": ["nii"], "compute_platforms": [], "probe": True}
# While sato is away there is somebody who goes on, so that the change can be proved.
WITHOUT = ({**SATO, "state": "absent"}, {**KATO, "compute_platforms": ["mdx"]})
WITH = (SATO, KATO)
# Of a kept pair both the key and the certificate, as of somebody who copied them before.
KEPT, REVOKED = "/run/kept", "/etc/ssh/kakehashi-revoked-keys"
ALONE = ("-F", "none", "-n", "-T", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none")
TRUSTING = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=30")
# As the signer's for login1, but of hours: no clock decides what is seen here.
SIGN = f"""
cd "$(mktemp -d)" && trap 'rm -r "$PWD"' EXIT && cat >key.pub && install -m 600 {AUTHORITY} authority
ssh-keygen -q -s authority -I sato@login1 -n sato -V -1m:+6h -z 1 -O clear -O permit-pty key.pub
cat key-cert.pub
"""
SESSION = "sleep 36000.75"
ASK_SIGNER = """
key=$(cut -d' ' -f1,2 /run/kept/key.pub)
printf '{"account": "sato", "key": "%s"}' "$key" | ssh -F none -T -i /etc/kakehashi/signing/id_ed25519 -p 2200 \
    -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=30 \
    kakehashi-sign@192.0.2.79
"""


class Leaving:
    """The twin, with sato in a session by certificate, and with a certificate and its key that somebody keeps aside."""

    def __init__(self, twin: Rotating, place: Path) -> None:
        self.twin, self.place, self.as_declared = twin, place, True
        (place / "group_vars/all").mkdir(parents=True)
        (place / "hosts.yml").write_text("all: {}\n")
        twin("exec", "login1", "--", "sh", "-c", f"umask 077; mkdir -p {KEPT}; cp {ONWARD} {KEPT}/key")
        twin("exec", "login1", "--", "sh", "-c", f"cp {ONWARD}.pub {KEPT}/key.pub")
        line = twin("exec", "ca1", "--", "sh", "-e", "-c", SIGN, text=twin("exec", "login1", "--", "cat", f"{KEPT}/key.pub"))
        for host in ("login1", "mdx1"):
            twin("exec", host, "--", "sh", "-c", f"mkdir -p {KEPT}; cat >{KEPT}/key-cert.pub", text=line)

    def declare(self, *accounts: dict[str, object]) -> str:
        """Run accounts.yml with these accounts; it has to end well."""
        self.as_declared = False
        (self.place / "group_vars/all/people.yml").write_text(yaml.safe_dump({"fabric_accounts": list(accounts)}))
        done = self.twin.playbook("accounts", "-i", str(self.place), "-i", str(self.twin.state / "overlay"))
        assert done.returncode == 0, done.stdout + done.stderr
        self.as_declared = accounts == WITH
        return str(done.stdout)

    def comes(self) -> subprocess.CompletedProcess[str]:
        """Log in to mdx1 from the login server by what was kept, past all that ssh is set to do there."""
        way = ("ssh", *ALONE, *TRUSTING, "-i", f"{KEPT}/key", "-o", f"CertificateFile={KEPT}/key-cert.pub", "sato@192.0.2.101")
        return self.twin.attempt("exec", "login1", "--", *way, "id", "-un")

    def revocations(self) -> int:
        """How often sshd of mdx1 refused a revoked certificate."""
        words = (
            "journalctl",
            "--quiet",
            "--output=cat",
            "--identifier=sshd",
            "--identifier=sshd-session",
            "--grep=revoked by file",
        )
        self.twin("exec", "mdx1", "--", "journalctl", "--sync")
        text = self.twin.attempt("exec", "mdx1", "--", *words).stdout  # it ends with 1 where there is none
        return len(text.splitlines())

    def runs_on(self, host: str) -> bool:
        """Whether sato runs anything on a host."""
        looked = self.twin.attempt("exec", host, "--", "pgrep", "-u", str(UID))
        assert looked.returncode in (0, 1), looked.stderr
        return looked.returncode == 0

    @contextlib.contextmanager
    def session(self) -> Iterator[subprocess.Popen[bytes]]:
        """A session of sato's on mdx1, begun by a certificate that the signer made for it."""
        words = f"exec runuser -u sato -- ssh -n -T -o BatchMode=yes mdx1 '{SESSION}'"
        process = self.twin.begin("login1", words)
        try:
            wait_until(lambda: self.twin.attempt("exec", "mdx1", "--", "pgrep", "-xf", SESSION).returncode == 0, PATIENCE)
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@dataclass
class Seen:
    """What was seen while sato was removed, and by what was kept from before."""

    before: subprocess.CompletedProcess[str]
    ended: bool
    after: subprocess.CompletedProcess[str]
    told: str


@pytest.fixture(scope="module")
def leaving(rotating: Rotating, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Leaving]:
    """Who left, and is there again in the end, with a new onward key."""
    found = Leaving(rotating, tmp_path_factory.mktemp("accounts"))
    try:
        yield found
    finally:
        for host in ("login1", "mdx1"):
            rotating("exec", host, "--", "rm", "-rf", KEPT)
        if not found.as_declared:
            found.declare(*WITH)


@pytest.fixture(scope="module")
def removed(leaving: Leaving) -> Seen:
    """Sato is removed while in a session."""
    before = leaving.comes()
    with leaving.session() as session:
        told = leaving.declare(*WITHOUT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            session.wait(SECONDS)
        ended = session.poll() is not None
    return Seen(before, ended, leaving.comes(), told)


def test_the_session_ends_and_nothing_of_it_stays(removed: Seen, leaving: Leaving) -> None:
    assert removed.before.stdout == "sato\n", "what was kept has to be good, or nothing is shown"
    assert removed.ended
    assert [host for host in ("login1", "mdx1", "data1") if leaving.runs_on(host)] == []
    assert "NOT DONE" not in removed.told


def test_what_was_kept_is_refused_and_revoked_by_name(removed: Seen, leaving: Leaving) -> None:
    assert (removed.after.returncode, "Permission denied" in removed.after.stderr) == (255, True), removed.after.stderr
    listed = leaving.twin.attempt("exec", "mdx1", "--", "ssh-keygen", "-Q", "-f", REVOKED, f"{KEPT}/key-cert.pub")
    assert "REVOKED" in listed.stdout, listed.stdout + listed.stderr


@pytest.mark.usefixtures("removed")
def test_no_login_server_and_no_signer_makes_a_certificate_for_who_left(leaving: Leaving) -> None:
    twin = leaving.twin
    asked = twin.attempt("exec", "login1", "--", "kakehashi-certificate", "sato")
    assert (asked.returncode, asked.stderr.strip()) == (1, "No certificate: sato is no account that goes on from here")
    signed = twin.attempt("exec", "login1", "--", "bash", "-c", ASK_SIGNER)
    assert signed.returncode != 0
    assert "refused: login1 has no account sato" in signed.stderr, signed.stderr
    assert twin.attempt("exec", "login1", "--", "test", "-e", ONWARD).returncode != 0


@pytest.mark.usefixtures("removed")
def test_revocation_alone_refuses_it_where_the_user_is_there_again(leaving: Leaving) -> None:
    twin = leaving.twin
    twin("exec", "mdx1", "--", "cp", "-p", REVOKED, f"{KEPT}/revoked")
    leaving.declare(*WITH)
    assert twin.goes_on(), "all other layers admit sato"
    twin("exec", "mdx1", "--", "cp", "-p", REVOKED, f"{KEPT}/now")
    before = leaving.revocations()
    try:
        twin("exec", "mdx1", "--", "cp", "-p", f"{KEPT}/revoked", REVOKED)
        refused, more = leaving.comes(), leaving.revocations() - before
    finally:
        twin("exec", "mdx1", "--", "cp", "-p", f"{KEPT}/now", REVOKED)
    assert (refused.returncode, "Permission denied" in refused.stderr) == (255, True), refused.stderr
    assert more >= 1, "refused by something else"
    assert leaving.comes().stdout == "sato\n", "the list is what refused it"
