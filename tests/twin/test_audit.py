"""The audit on a real twin: what arrives, what is refused, what is told of hands on the log."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.twin.machine import wait_until
from tests.twin.validated import Validated

pytestmark = pytest.mark.twin

DATA, HOME = "192.0.2.72", "/srv/kakehashi/sato"
PATIENCE = 120
"""Seconds for what comes by itself, on a machine that runs other tests beside."""
CHAIN = "/var/log/kakehashi-audit"
RECEIVED = "/var/log/journal/remote"
SILENCE = 60
SECRETS = "/etc/kakehashi/journal"
# Adds one entry to a journal in the format of systemd-journal-upload.
SEND = (
    "printf '__REALTIME_TIMESTAMP=%s000000\\n__MONOTONIC_TIMESTAMP=1\\n_BOOT_ID=48a1b20e70244439a970a8a75274c2ec\\n"
    "MESSAGE={word}\\nSYSLOG_IDENTIFIER=sshd\\n_UID=0\\n\\n' $(date +%s) >/root/planted; "
    "curl --silent --show-error --max-time 10 --cacert {authority} {more} --header 'Content-Type: application/vnd.fdo.journal' "
    "--header 'Transfer-Encoding: chunked' --data-binary @/root/planted --resolve log1:19532:192.0.2.78 https://log1:19532/upload"
)
TAMPERING = {
    "changed": ("sed -i '0,/Accepted publickey/s//Accepted password/' $f", "was changed"),
    "removed": ("sed -i 3d $f", "record 2 is missing"),
    "moved": ("sed -i -e '3{h;d}' -e '4G' $f", "records were moved or repeated"),
    "cut off": ("sed -i '6,$d' $f", "the end is missing"),
    "emptied": (": >$f", "nothing is left"),
}


def records(twin: Validated) -> list[dict[str, Any]]:
    return [json.loads(line) for line in twin("exec", "log1", "--", "sh", "-c", f"cat {CHAIN}/*.jsonl").splitlines()]


def texts(twin: Validated, host: str) -> list[str]:
    return [r["data"]["text"] for r in records(twin) if r["kind"] == "entry" and r["data"]["host"] == host]


def log_in(twin: Validated, node: str) -> None:
    twin("run", "--", "ssh", "-F", str(twin.state / "ssh/config-fresh"), node, "true")


def arrived(twin: Validated, host: str, before: int) -> Callable[[], bool]:
    """Whether a login to the host arrived since there were so many."""
    return lambda: logged_in(twin, host) > before


def logged_in(twin: Validated, host: str) -> int:
    """How many logins of the operator to the host arrived."""
    return sum("Accepted publickey for aoki" in text for text in texts(twin, host))


def sending(word: str, more: str) -> tuple[str, ...]:
    """The command of the twin that sends a word as mdx1's journal, with the certificate that is named, or none."""
    return ("exec", "mdx1", "--", "sh", "-c", SEND.format(authority=f"{SECRETS}/authority.pem", more=more, word=word))


@pytest.fixture
def untouched(converged: Validated) -> Iterator[Validated]:
    """The twin, whose log server is afterwards what it was before."""
    converged("save", "audit", "log1")
    yield converged
    converged("restore", "audit", "log1")


@pytest.mark.parametrize("host", ["mdx1", "data1", "login1"])
def test_a_login_is_on_the_log_server_within_seconds(converged: Validated, host: str) -> None:
    before = logged_in(converged, host)
    log_in(converged, host)
    wait_until(arrived(converged, host, before), PATIENCE)
    said = next(text for text in reversed(texts(converged, host)) if "Accepted publickey for aoki" in text)
    source = "203.0.113.2" if host == "login1" else "192.0.2.70"
    assert re.search(rf"from {re.escape(source)} port \d+ ssh2: ED25519 SHA256:\S+$", said)


def test_what_happens_while_the_log_server_is_away_is_sent_later(converged: Validated) -> None:
    before = logged_in(converged, "mdx1")
    converged("cut", "log1/hpc")
    try:
        log_in(converged, "mdx1")
    finally:
        converged("heal", "log1/hpc")
    wait_until(arrived(converged, "mdx1", before), PATIENCE)
    ids = [r["data"]["id"] for r in records(converged) if r["kind"] == "entry"]
    assert len(ids) == len(set(ids))


def test_only_certificates_of_this_fabric_may_send(converged: Validated) -> None:
    converged("exec", "mdx1", "--", "sh", "-c", "command -v curl >/dev/null || apt-get install -y -qq curl >/dev/null 2>&1")
    key = "openssl req -x509 -newkey rsa:2048 -nodes -keyout foreign.key -out foreign.pem -subj /CN=mdx1 -days 1"
    converged("exec", "mdx1", "--", "sh", "-c", f"cd /root && {key} 2>/dev/null")
    right = f"--cert {SECRETS}/certificate.pem --key {SECRETS}/key.pem"
    for more in ("", "--cert /root/foreign.pem --key /root/foreign.key"):
        done = converged.attempt(*sending("refused", more))
        assert done.returncode != 0 or "OK" not in done.stdout, (more, done.stdout)
    assert "OK" in converged(*sending("admitted", right))
    wait_until(lambda: "admitted" in texts(converged, "mdx1"), PATIENCE)
    assert "refused" not in texts(converged, "mdx1")


def test_without_the_check_anybody_may_send(untouched: Validated) -> None:
    loose = (
        "import sys, ssl, pathlib; sys.path.insert(0, '/usr/local/sbin/kakehashi-audit'); from kakehashi.audit import receiver; "
        "tls = receiver.context(receiver.CERTIFICATES, receiver.CERTIFICATES / 'key.pem'); tls.verify_mode = ssl.CERT_NONE; "
        "receiver.peer_name = lambda certificate: 'mdx1'; room = pathlib.Path('/var/log/journal/remote'); "
        "receiver.Server(19532, ['mdx1'], room, tls).serve_forever()"
    )
    start = f'systemctl stop kakehashi-journal; systemd-run --quiet --unit loose python3 -c "{loose}"'
    untouched("exec", "log1", "--", "sh", "-c", start)
    # A word of its own: what the test before sent is in the chain already.
    send = sending("smuggled", "")
    wait_until(lambda: "OK" in untouched.attempt(*send).stdout, PATIENCE)
    wait_until(lambda: "smuggled" in texts(untouched, "mdx1"), PATIENCE)


def test_the_chain_only_grows(converged: Validated) -> None:
    for act in ("echo x >$f", "rm $f", "sed -i 1d $f", "mv $f $f.old"):
        done = converged.attempt("exec", "log1", "--", "sh", "-c", f"f=$(ls {CHAIN}/*.jsonl | tail -1); {act}")
        assert "Operation not permitted" in done.stderr, act


@pytest.fixture(scope="module")
def audited(converged: Validated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the evidence of one audit is kept, which saw the chain as it was."""
    directory = tmp_path_factory.mktemp("audit")
    before = logged_in(converged, "mdx1")
    log_in(converged, "mdx1")
    wait_until(arrived(converged, "mdx1", before), PATIENCE)
    done = converged.playbook("audit", "-e", f"audit_evidence={directory}", "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    return directory


def newest(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(max(directory.glob("*/audit.json")).read_text())
    return found


def test_the_audit_tells_who_where_when_and_with_what(audited: Path) -> None:
    found = newest(audited)
    assert found["holds"]
    assert found["heads"]["log1"]["number"] > 0
    # Others' tests log in there as other people.
    login = next(n for n in reversed(found["logins"]) if (n["host"], n["user"]) == ("mdx1", "aoki"))
    assert (login["source"], login["address"]) == ("192.0.2.70", "192.0.2.101")
    assert login["key"].startswith("SHA256:")


@pytest.fixture
def reading(converged: Validated) -> Iterator[Callable[[str], None]]:
    """Read a file of data1 by sftp as sato on mdx1, who has a data set there and a file beside it."""
    made = f"mkdir -p {HOME}/ct-2024 {HOME}/gone; echo pixels >{HOME}/ct-2024/study; echo notes >{HOME}/notes.txt"
    mounted = f"mkdir -p {HOME}/mri-a && mount -t tmpfs none {HOME}/mri-a"

    def read(path: str) -> None:
        known = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
        options = f"-q -P 2022 -i /run/audited -o BatchMode=yes -o IdentitiesOnly=yes {known}"
        words = f"runuser -u sato -- sftp {options} -b - sato@{DATA}"
        done = converged.attempt("exec", "mdx1", "--", "sh", "-c", words, text=f"get {path} /dev/null\n")
        assert done.returncode == 0, done.stdout + done.stderr

    try:
        converged("exec", "data1", "--", "sh", "-c", f"{made}; chmod -R a+rX {HOME}/ct-2024 {HOME}/notes.txt; {mounted}")
        key = converged("exec", "login1", "--", "cat", "/etc/kakehashi/onward/sato/id_ed25519")
        converged("exec", "mdx1", "--", "sh", "-c", "umask 077; cat >/run/audited; chown sato /run/audited", text=key)
        yield read
    finally:
        converged.attempt("exec", "mdx1", "--", "rm", "-f", "/run/audited")
        undo = f"umount {HOME}/mri-a; cd {HOME} && rm -rf ct-2024 gone mri-a notes.txt"
        converged.attempt("exec", "data1", "--", "sh", "-c", undo)


def data_logins(twin: Validated, directory: Path) -> list[dict[str, Any]]:
    """The logins of sato to data that an audit tells of."""
    done = twin.playbook("audit", "-e", f"audit_evidence={directory}")
    assert done.returncode == 0, done.stdout + done.stderr
    return [n for n in newest(directory)["logins"] if (n["service"], n["user"], n["host"]) == ("data", "sato", "data1")]


def test_the_audit_names_the_data_sets_of_a_login_to_data(
    converged: Validated, reading: Callable[[str], None], tmp_path: Path
) -> None:
    """And of one before which nobody tells them, that they are not known."""

    def ends() -> int:
        return sum("session closed for user sato" in text for text in texts(converged, "data1"))

    def read(path: str) -> None:
        before = ends()
        reading(path)
        wait_until(lambda: ends() > before, PATIENCE)

    read("ct-2024/study")
    word = r"at=(open|close) login=\d+ user=sato of=3 sets=ct-2024,mri-a,notes\.txt"
    wait_until(
        lambda: {"open", "close"} <= {said[1] for t in texts(converged, "data1") if (said := re.fullmatch(word, t))}, PATIENCE
    )
    login = data_logins(converged, tmp_path)[-1]
    assert (login["source"], login["data_sets_missing"]) == ("192.0.2.101", 0)
    assert login["data_sets"] == ["ct-2024", "mri-a", "notes.txt"]
    assert login["end"] > login["begin"]
    # docs/audit.md says so: what sftp would log of files reaches no journal.
    assert converged.attempt("exec", "data1", "--", "journalctl", "--quiet", "--identifier=internal-sftp").stdout == ""
    stack = "/etc/pam.d/kakehashi-data-sshd"
    converged("exec", "data1", "--", "sed", "-i.kept", "/kakehashi-data-sets/d", stack)
    try:
        read("notes.txt")
    finally:
        converged("exec", "data1", "--", "mv", f"{stack}.kept", stack)
    assert data_logins(converged, tmp_path)[-1]["data_sets"] is None
    # An account can't tell of itself: data servers give it no program, and elsewhere its word is no root's.
    own = "at=open login=1 user=sato of=1 sets=forged"
    before = logged_in(converged, "mdx1")
    converged("exec", "mdx1", "--", "runuser", "-u", "sato", "--", "logger", "-t", "kakehashi-data-sets", own)
    log_in(converged, "mdx1")
    wait_until(arrived(converged, "mdx1", before), PATIENCE)
    assert own not in texts(converged, "mdx1")


def ended(twin: Validated, directory: Path, *words: str) -> tuple[int, str]:
    """How an audit ended, and what it printed, in one line."""
    done = twin.playbook("audit", "-e", f"audit_evidence={directory}", *words)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_a_host_that_sends_nothing_is_told(converged: Validated, tmp_path: Path) -> None:
    """Its logins are missed, and the chain is whole."""
    bound = ("-e", f"audit_silence_seconds={SILENCE}")
    before = logged_in(converged, "mdx1")
    converged("exec", "mdx1", "--", "systemctl", "stop", "systemd-journal-upload")
    try:
        log_in(converged, "mdx1")
        quiet = f"test $(stat -c %Y {RECEIVED}/remote-mdx1.journal) -lt $(($(date +%s) - {SILENCE}))"
        wait_until(lambda: converged.attempt("exec", "log1", "--", "sh", "-c", quiet).returncode == 0, SILENCE + PATIENCE)
        status, said = ended(converged, tmp_path, *bound)
        assert logged_in(converged, "mdx1") == before
    finally:
        converged("exec", "mdx1", "--", "systemctl", "start", "systemd-journal-upload")
    assert status == 2, said
    assert re.search(
        r"mdx1: nothing of its journal came since [-0-9]+ [0-9:]+ \(UTC\), so who logged in there is not known", said
    )
    assert "log servers, hosts or entries not heard" in said
    found = newest(tmp_path)
    named = {row.partition(":")[0] for row in found["unread"]}
    assert "mdx1" in named
    assert "log1" not in named, "the audit itself just logged in there"
    assert (found["faults"], found["holds"]) == ([], False)
    wait_until(arrived(converged, "mdx1", before), PATIENCE)
    status, said = ended(converged, tmp_path)
    assert status == 0, said


def test_a_log_server_that_receives_nothing_is_told(converged: Validated, tmp_path: Path) -> None:
    converged("exec", "log1", "--", "systemctl", "stop", "kakehashi-journal")
    try:
        status, said = ended(converged, tmp_path)
    finally:
        converged("exec", "log1", "--", "systemctl", "start", "kakehashi-journal")
    assert status == 2, said
    assert "log1: nothing is received there now, kakehashi-journal.service does not run" in said
    before = logged_in(converged, "mdx1")
    log_in(converged, "mdx1")
    wait_until(arrived(converged, "mdx1", before), PATIENCE)
    status, said = ended(converged, tmp_path)
    assert status == 0, said


def test_a_bound_that_is_none_is_refused_before_anything_is_read(converged: Validated, tmp_path: Path) -> None:
    status, said = ended(converged, tmp_path, "-e", "audit_silence_seconds=never")
    assert status != 0
    assert "audit_silence_seconds is 'never', which is no number of seconds: write one, at least 1" in said
    assert not list(tmp_path.iterdir())


def test_what_a_power_cut_set_aside_is_taken_too(untouched: Validated) -> None:
    made = (
        "set -e; systemctl stop kakehashi-audit; "
        "printf '__REALTIME_TIMESTAMP=%s000000\\n__MONOTONIC_TIMESTAMP=1\\n_BOOT_ID=48a1b20e70244439a970a8a75274c2ec\\n"
        "MESSAGE=aside\\nSYSLOG_IDENTIFIER=sshd\\n_UID=0\\n\\n' $(date +%s) | "
        "/usr/lib/systemd/systemd-journal-remote --split-mode=none --output=/root/aside.journal -; "
        f"mv /root/aside.journal {RECEIVED}/remote-mdx1@0123456789abcdef-0123456789abcdef.journal~; "
        # Another is past reading, which hides none of the rest.
        f"echo x >{RECEIVED}/remote-mdx1@0000000000000000-0000000000000000.journal~; systemctl start kakehashi-audit"
    )
    before = logged_in(untouched, "mdx1")
    untouched("exec", "log1", "--", "sh", "-c", made)
    wait_until(lambda: "aside" in texts(untouched, "mdx1"), PATIENCE)
    log_in(untouched, "mdx1")
    wait_until(arrived(untouched, "mdx1", before), PATIENCE)
    assert texts(untouched, "mdx1").count("aside") == 1


@pytest.mark.parametrize("name", TAMPERING)
def test_hands_on_the_chain_are_told(untouched: Validated, audited: Path, name: str) -> None:
    act, words = TAMPERING[name]
    off = "import sys; sys.path.insert(0, '/usr/local/sbin/kakehashi-audit'); from pathlib import Path; "
    off += "from kakehashi.audit import store; "
    off += f"d = Path('{CHAIN}'); [store.set_append_only(p, False) for p in (d, *store.files(d))]"
    script = f'set -e; systemctl stop kakehashi-audit; python3 -c "{off}"; f=$(ls {CHAIN}/*.jsonl | tail -1); {act}'
    untouched("exec", "log1", "--", "bash", "-c", script)
    # Of the run that saw the chain whole; a run that finds hands on it keeps no head.
    head = json.loads(min(audited.glob("*/audit.json")).read_text())["heads"]["log1"]
    shown = untouched.attempt(
        "exec", "log1", "--", "kakehashi-audit", "verify", "--head", f"{head['chain']}:{head['number']}:{head['digest']}"
    )
    assert shown.returncode == 1
    assert words in shown.stdout
    done = untouched.playbook("audit", "-e", f"audit_evidence={audited}")
    assert done.returncode != 0
    assert "The log was tampered with" in done.stdout
    assert words in done.stdout


def test_an_operator_outside_the_plan_is_listed(converged: Validated, audited: Path, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    plan = tmp_path / "plan.yml"
    for hours, covered in ((24, True), (-1, False)):
        begin, end = now - timedelta(days=2), now + timedelta(hours=hours)
        window = {
            "name": "tests",
            "begin": begin.isoformat(),
            "end": (end if hours > 0 else begin + timedelta(hours=1)).isoformat(),
        }
        plan.write_text(json.dumps([{**window, "operators": ["aoki"]}]))
        done = converged.playbook("audit", "-e", f"audit_evidence={audited}", "-e", f"audit_plan={plan}")
        # What other tests did on this twin as root or as its image's user is unplanned in any case.
        unplanned = newest(audited)["unplanned"]
        assert any(n["user"] == "aoki" for n in unplanned) is not covered, done.stdout + done.stderr
        assert done.returncode == (2 if unplanned else 0), done.stdout + done.stderr
    assert re.search(r"\d+ unplanned logins", done.stdout)
    plan.write_text("windows: tomorrow")
    done = converged.playbook("audit", "-e", f"audit_evidence={audited}", "-e", f"audit_plan={plan}")
    assert "the plan is no list: write a list of windows" in done.stdout.replace("\n", " ")
