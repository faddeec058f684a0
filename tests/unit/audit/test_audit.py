"""The controller's side: what a log server says of its own chain is held against what this machine remembers and declares."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from module_utils.audit import chain, command, store
from module_utils.audit.chain import Head, Record
from module_utils.audit.entries import LEFT_OUT
from module_utils.audit.plan import PlanError
from module_utils.fabric.logs import senders
from module_utils.fabric.model import Fabric, Override
from module_utils.fabric.paths import all_paths
from plugin_utils import audit
from plugin_utils.audit import Bounds
from plugin_utils.inventory import load_fabric

ROOT = Path(__file__).parents[3]
ME = ("aoki", "2026-12-01T000000Z")
TWIN = load_fabric(ROOT / "inventories/twin")
SENDERS = ("log1", *senders(TWIN.hosts["log1"], tuple(all_paths(TWIN))))


@pytest.fixture(scope="module")
def fabric() -> Fabric:
    return TWIN


OTHER: tuple[object, ...] = (None, [], {}, True)
BY_HAND: dict[str, object] = {"host": "mdx1", "at": 1, "by": "sshd", "pid": 1, "boot": "b", "unit": "", "text": "x"}


def days_ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).strftime(chain.SEEN)


def head(record: Record, days: int) -> Head:
    return Head(chain.chain_of(record), record["number"], record["digest"], days_ago(days))


def grown(count: int) -> list[Record]:
    found = [chain.linked(None, chain.BEGIN, 1, {"host": "log1"})]
    for at in range(2, count + 1):
        found.append(chain.linked(found[-1], chain.TORN, at, {"line": ""}))
    return found


def emptied(records: list[Record]) -> Record:
    """What root on the log server leaves of it: one record that says that all others were due to go."""
    last = records[-1]
    return chain.linked(last, chain.EXPIRED, 9, {"number": last["number"], "digest": last["digest"], "days": 1})


def answer(records: list[Record], faults: tuple[str, ...] = ()) -> dict[str, Any]:
    lines = [chain.line_of(record).rstrip("\n") for record in records]
    came = dict.fromkeys(SENDERS, int(datetime.now(UTC).timestamp()))
    return {
        "log1": {
            "lines": lines,
            "faults": list(faults),
            "growing_only": True,
            "recording": True,
            "receiving": True,
            "newest": came,
            "untold": 0,
        }
    }


def declared(fabric: Fabric, value: object, *, known: bool = True) -> Fabric:
    own = (Override(audit.KEPT, value, "host_vars/log1.yml:3", known),)
    return replace(fabric, hosts={**fabric.hosts, "log1": replace(fabric.hosts["log1"], overrides=own)})


def test_a_log_server_that_lets_all_go_is_told_by_the_newest_head_here(fabric: Fabric) -> None:
    records = grown(4)
    heads = {"log1": [head(records[1], 30), head(records[3], 1)]}
    found = audit.audit(fabric, answer([emptied(records)]), heads, None, ME)
    seen = heads["log1"][1].seen
    assert found.faults == [f"log1: record 3 is gone, but it was seen at {seen} and had to be kept longer"]
    assert found.heads == {}


def test_an_answer_that_begins_at_the_newest_head_is_whole(fabric: Fabric) -> None:
    records = grown(4)
    heads = {"log1": [head(records[0], 60), head(records[1], 30), head(records[2], 1)]}
    found = audit.audit(fabric, answer(records[2:]), heads, None, ME)
    assert (found.faults, found.heads["log1"].number) == ([], 3)
    assert chain.seen_at(found.heads["log1"].seen) is not None


def test_a_head_of_another_chain_is_told_wherever_it_was(fabric: Fabric) -> None:
    records, other = grown(4), chain.linked(None, chain.BEGIN, 2, {"host": "log1"})
    heads = {"log1": [head(other, 60), head(records[2], 1)]}
    found = audit.audit(fabric, answer(records[2:]), heads, None, ME)
    assert found.faults == [f"log1: this is another chain than the one that was seen at {heads['log1'][0].seen}"]


@pytest.mark.parametrize(("begin", "told"), [(0, []), (2, []), (3, [2]), (6, [2, 5]), (9, [2, 5])])
def test_an_answer_reaches_back_to_all_that_was_seen_in_the_days_asked_for(fabric: Fabric, begin: int, told: list[int]) -> None:
    """Root on the log server lets the module answer with less, and what lies before the newest head is dropped unseen."""
    records = grown(11)
    heads = {"log1": [head(records[2], 60), head(records[5], 40), head(records[9], 1)]}
    found = audit.audit(fabric, answer(records[begin:]), heads, None, ME, Bounds(days=0))
    seen = {h.number: h.seen for h in heads["log1"]}
    wanted = [f"log1: record {n} is gone, but it was seen at {seen[n]} and had to be kept longer" for n in told]
    if begin:
        wanted.insert(0, f"log1: the records before {begin} are missing, and nothing says that they were due to go")
    assert found.faults == wanted
    assert found.holds is (begin == 0)
    lately = audit.audit(fabric, answer(records[begin:]), heads, None, ME, Bounds(days=50)).faults
    assert len(lately) == (begin > 5)
    # What the module is asked for is what has to be there.
    assert chain.reach(heads["log1"], Bounds(days=0).since) == 2
    assert chain.reach(heads["log1"], Bounds(days=50).since) == 5
    assert chain.reach(heads["log1"], Bounds(days=7).since) == 9
    assert audit.audit(fabric, answer(records[9:]), heads, None, ME, Bounds(days=7)).faults == []


def test_records_that_were_due_to_go_are_not_asked_for(fabric: Fabric) -> None:
    records = grown(6)
    last = records[2]
    told = chain.linked(records[-1], chain.EXPIRED, 9, {"number": 2, "digest": last["digest"], "days": 731})
    heads = {"log1": [head(records[1], 900), head(records[5], 1)]}
    assert audit.audit(fabric, answer([*records[3:], told]), heads, None, ME, Bounds(days=0)).faults == []


def heard(**came: int | None) -> dict[str, Any]:
    """What the log server answers where some host's newest entry is so many seconds old, or never came."""
    found = answer(grown(2))
    now = int(datetime.now(UTC).timestamp())
    for host, seconds in came.items():
        if seconds is None:
            del found["log1"]["newest"][host]
        else:
            found["log1"]["newest"][host] = now - seconds
    return found


def test_a_host_of_which_nothing_comes_is_told(fabric: Fabric) -> None:
    assert audit.audit(fabric, heard(mdx1=86000), {}, None, ME).holds
    found = audit.audit(fabric, heard(mdx1=90000, mdx2=None), {}, None, ME)
    assert not found.holds
    assert len(found.unread) == 2
    assert found.unread[0].startswith("mdx1: nothing of its journal came since 2")
    assert found.unread[0].endswith("who logged in there is not known; journalctl -u systemd-journal-upload there says why")
    assert found.unread[1] == (
        "mdx2: nothing of its journal ever came, so who logged in there is not known; run playbooks/site.yml"
    )
    assert audit.verdict(found).startswith("The audit does not hold: 2 log servers, hosts or entries not heard.")
    assert "Not read, or nothing came (2)" in list(audit.report_lines(found, fabric, "here"))
    assert audit.evidence(found, fabric, ME[1], ())["unread"] == found.unread
    # The bound is the run's.
    assert audit.audit(fabric, heard(mdx1=90000), {}, None, ME, Bounds(silence=100_000)).holds
    assert [u.partition(":")[0] for u in audit.audit(fabric, heard(mdx1=90), {}, None, ME, Bounds(silence=60)).unread] == ["mdx1"]


def test_what_was_left_out_of_a_journal_is_told(fabric: Fabric) -> None:
    records = grown(1)
    text = "an entry of sshd by root was left out: MESSAGE longer than 128 KiB"
    for at in (2, 3):
        left_out = {**BY_HAND, "at": at, "by": LEFT_OUT, "text": text, "uid": 0, "gid": 0}
        records.append(chain.linked(records[-1], chain.ENTRY, at, left_out))
    found = audit.audit(fabric, answer(records), {}, None, ME)
    assert (found.faults, found.unread) == ([], [f"mdx1: {text} (2 times)"])
    assert not found.holds
    assert f"  mdx1: {text} (2 times)" in list(audit.report_lines(found, fabric, "here"))


def test_the_log_servers_own_journal_counts_too(fabric: Fabric) -> None:
    found = audit.audit(fabric, heard(log1=90000), {}, None, ME)
    assert len(found.unread) == 1
    assert found.unread[0].endswith("systemctl status systemd-journald there says why")


def test_a_host_that_the_log_server_does_not_know_is_told(fabric: Fabric) -> None:
    """It was declared, and site.yml did not run since; and what is sent by hosts that nobody declares is nobody's."""
    found = answer(grown(2))
    found["log1"]["newest"] = {"log1": found["log1"]["newest"]["log1"], "stranger": 1}
    assert [row.partition(":")[0] for row in audit.audit(fabric, found, {}, None, ME).unread] == list(SENDERS[1:])


@pytest.mark.parametrize(("part", "words"), [("receiving", "received"), ("recording", "recorded")])
def test_a_log_server_that_takes_nothing_is_told(fabric: Fabric, part: str, words: str) -> None:
    for off in ({part: False}, {}):
        found = answer(grown(2))
        del found["log1"][part]
        found["log1"].update(off)
        result = audit.audit(fabric, found, {}, None, ME)
        assert not result.holds
        assert len(result.unread) == 1
        assert result.unread[0].startswith(f"log1: nothing is {words} there now, kakehashi-")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("days", value) for value in ("", "a week", "-1", 1.5, None, True, "9" * 20)),
        *(("silence", value) for value in ("", "an hour", 0, "0", "-1", None)),
    ],
)
def test_bounds_that_are_none_are_one_sentence(name: str, value: object) -> None:
    variable = {"days": "audit_days", "silence": "audit_silence_seconds"}[name]
    with pytest.raises(PlanError, match=f"^{variable} is .*, which is no number of (days|seconds): write one, ") as caught:
        audit.bounds(**{"days": 30, "silence": 86400, name: value})
    assert "\n" not in str(caught.value)
    assert audit.bounds("0", "1") == Bounds(0, 1)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"host": "mdx1", "at": 1, "pid": 1, "boot": "b", "unit": "", "text": "x"},
        *({**BY_HAND, key: value} for key in BY_HAND for value in OTHER),
        {**BY_HAND, "at": 1 << 70},
        {**BY_HAND, "at": -1},
        {**BY_HAND, "uid": "0"},
        {**BY_HAND, "gid": True},
        {**BY_HAND, "text": "\x1b]0;x"},
        {**BY_HAND, "text": "\ud800"},
    ],
)
def test_entries_that_nobody_writes_are_told(fabric: Fabric, data: dict[str, Any]) -> None:
    records = grown(1)
    records.append(chain.linked(records[-1], chain.ENTRY, 2, data))
    records.append(accepted(records[-1], "aoki", 3))
    found = audit.audit(fabric, answer(records), {}, [], ME)
    assert found.faults == ["log1: record 1 is no entry as kakehashi-audit writes it: it was written by hand"]
    assert [login.user for login in found.logins] == ["aoki"]
    list(audit.report_lines(found, fabric, "here"))
    json.dumps(audit.evidence(found, fabric, ME[1], ()))


@pytest.mark.parametrize(
    "more",
    [
        {"lines": 1},
        {"lines": [1]},
        {"lines": [[]]},
        {"faults": [[]]},
        {"faults": None},
        {"untold": "x"},
        {"newest": []},
        {"newest": 1},
    ],
)
def test_an_answer_of_other_types_is_one_sentence(fabric: Fabric, more: dict[str, Any]) -> None:
    found = audit.audit(fabric, {"log1": {**answer(grown(2))["log1"], **more}}, {}, None, ME)
    assert found.unread == ["log1: what it answered is no answer of audit_chain: somebody there falsifies it"]
    assert not found.holds


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "1",
        "null",
        '"x"',
        "no json",
        "[" * 100_000,
        '{"fabric": "FABRIC", "heads": []}',
        '{"fabric": "FABRIC", "heads": {"log1": 1}}',
        '{"fabric": "FABRIC", "heads": {"log1": []}}',
        '{"fabric": "FABRIC", "heads": {"log1": {"chain": "c", "number": 1}}}',
        '{"fabric": "FABRIC", "heads": {"log1": {"chain": "c", "number": "1", "digest": "d"}}}',
        '{"fabric": "FABRIC", "heads": {"log1": {"chain": "c", "number": 1, "digest": []}}}',
        '{"fabric": "FABRIC", "heads": {"log1": {"chain": "c", "number": 1, "digest": "d", "new": "x"}}}',
        '{"fabric": "FABRIC", "forgotten": 1}',
    ],
    ids=str,
)
def test_evidence_that_is_none_is_one_sentence(tmp_path: Path, fabric: Fabric, text: str) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1/audit.json").write_text(text.replace("FABRIC", fabric.name))
    with pytest.raises(PlanError) as caught:
        audit.earlier_heads(tmp_path, fabric.name)
    assert str(caught.value) == f"{tmp_path}/1/audit.json is no evidence of an audit: move it away, then run again"


def test_evidence_that_cannot_be_read_is_named_so(tmp_path: Path, fabric: Fabric) -> None:
    (tmp_path / "1/audit.json").mkdir(parents=True)
    with pytest.raises(PlanError) as caught:
        audit.earlier_heads(tmp_path, fabric.name)
    words = "can't be read (Is a directory), but holds what was seen of the logs: make it readable, then run again"
    assert str(caught.value) == f"{tmp_path}/1/audit.json {words}"


@pytest.mark.parametrize(("days", "whole"), [(None, False), (100, True), ("100", True), (500, False)])
def test_how_long_is_what_the_inventory_declares(fabric: Fabric, days: object, *, whole: bool) -> None:
    records = grown(4)
    mine = fabric if days is None else declared(fabric, days)
    found = audit.audit(mine, answer([emptied(records)]), {"log1": [head(records[3], 200)]}, None, ME)
    assert (found.faults == []) is whole


@pytest.mark.parametrize(("days", "known"), [(None, False), ("two years", True), (0, True), (-1, True), (None, True)])
def test_days_that_are_none_are_one_sentence(fabric: Fabric, days: object, *, known: bool) -> None:
    server = declared(fabric, days, known=known).hosts["log1"]
    words = "host_vars/log1.yml:3: log_server_kept_days is no number of days: write one, without a template"
    with pytest.raises(PlanError) as caught:
        audit.kept_since(server)
    assert str(caught.value) == words


def accepted(before: Record, user: str, at: int) -> Record:
    data = {"host": "log1", "at": at, "by": "sshd", "pid": at, "boot": "b", "unit": "ssh.service"}
    text = f"Accepted publickey for {user} from 192.0.2.70 port 5 ssh2: ED25519 SHA256:abc"
    return chain.linked(before, chain.ENTRY, at, {**data, "text": text})


def test_a_plan_is_held_against_everybody(fabric: Fabric) -> None:
    account = next(a.name for a in fabric.accounts.values() if a.state == "present")
    begun = int(datetime(2026, 12, 1, tzinfo=UTC).timestamp() * 1_000_000)
    records = grown(1)
    for at, user in enumerate((account, "root", "mdxuser", "left-long-ago", "aoki"), begun + 1):
        records.append(accepted(records[-1], user, at))
    # Who runs this may be root, too: that is nobody's own login.
    for person, own in (("aoki", ["aoki"]), ("root", [])):
        found = audit.audit(fabric, answer(records), {}, [], (person, ME[1]))
        assert [n.user for n in found.own] == own
        assert [n.login.user for n in found.unplanned or ()] == ["root", "mdxuser", "left-long-ago", *([] if own else ["aoki"])]
        assert not found.holds
    written = audit.evidence(found, fabric, ME[1], ())["unplanned"]
    assert (written[0]["user"], written[0]["why"]) == ("root", "root, who is no person")
    lines = list(audit.report_lines(found, fabric, "here"))
    assert {"Unplanned logins (4)", "  by the shared user of an image, who is no person (1)"} <= set(lines)
    assert audit.verdict(found) == "The audit does not hold: 4 unplanned logins. Each is named in the report above."


def test_without_a_plan_nobody_is_judged(fabric: Fabric) -> None:
    records = grown(1)
    records.append(accepted(records[-1], "root", 2))
    assert audit.audit(fabric, answer(records), {}, None, ME).unplanned is None


def test_what_a_log_server_is_asked(tmp_path: Path, fabric: Fabric) -> None:
    seen = head(grown(2)[1], 3)
    data = {"fabric": fabric.name, "heads": {"log1": asdict(seen)}}
    (tmp_path / "1").mkdir()
    (tmp_path / "1/audit.json").write_text(json.dumps(data))
    asked = audit.setup([str(ROOT / "inventories/twin")], str(tmp_path))["log1"]
    assert asked["heads"] == [asdict(seen)]
    assert asked["reach"] == seen.number
    assert abs(datetime.now(UTC).timestamp() - 731 * 86400 - asked["kept_since"]) < 60
    assert audit.setup([str(ROOT / "inventories/twin")], str(tmp_path), ["log1"])["log1"]["heads"] == []


@pytest.mark.parametrize(
    ("seen", "more", "code", "words"),
    [
        ("", [], 1, "record 3 is gone, but it was seen and had to be kept longer"),
        (days_ago(200), [], 1, "and had to be kept longer"),
        (days_ago(200), ["--kept-days", "100"], 0, "the chain is whole"),
        (days_ago(800), [], 0, "the chain is whole"),
        ("noon", [], 2, "noon is no time at which a head was seen: write it as in 2026-12-01 01:00:00, in UTC"),
    ],
    # Times differ between the processes that share the tests, and names must not.
    ids=["without a time", "young", "older than is kept here", "older than is kept", "no time"],
)
def test_the_program_compares_with_heads_and_their_time(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    seen: str,
    more: list[str],
    code: int,
    words: str,
) -> None:
    records = grown(4)
    (tmp_path / "2026-12.jsonl").write_text(chain.line_of(emptied(records)))
    monkeypatch.setattr(store, "DIRECTORY", str(tmp_path))
    text = f"{chain.chain_of(records[3])}:3:{records[3]['digest']}" + (f":{seen}" if seen else "")
    monkeypatch.setattr(sys, "argv", ["kakehashi-audit", "verify", "--head", text, *more])
    assert command.main() == code
    assert words in "".join(capsys.readouterr())


def sealed_use(before: Record, at: int, *, alert: bool) -> list[Record]:
    found = [accepted(before, "breakglass", at)]
    if alert:
        text = "The sealed credential of breakglass was used: login from 192.0.2.70"
        data = {"host": "log1", "at": at, "by": "kakehashi-break-glass", "pid": 1, "boot": "b", "unit": "", "text": text}
        found.append(chain.linked(found[-1], chain.ENTRY, at, data))
    return found


@pytest.mark.parametrize("alert", [True, False])
@pytest.mark.parametrize("planned", ["nothing", "no window", "a window", "a drill"])
def test_uses_of_a_sealed_credential_are_listed_with_what_covers_them(fabric: Fabric, planned: str, *, alert: bool) -> None:
    begun = datetime(2026, 12, 1, tzinfo=UTC)
    window = {
        "name": "w",
        "begin": (begun - timedelta(hours=1)).isoformat(),
        "end": (begun + timedelta(hours=1)).isoformat(),
        "operators": ["breakglass"],
    }
    plan = {"nothing": None, "no window": [], "a window": [window], "a drill": [{**window, "drill": True}]}[planned]
    records = grown(1)
    records += sealed_use(records[-1], int(begun.timestamp() * 1_000_000), alert=alert)
    found = audit.audit(fabric, answer(records), {}, plan, ME)
    kind = {"a window": "planned, w", "a drill": "drill, w"}.get(planned, "no window covers it")
    assert [(use.kind, use.alert) for use in found.sealed] == [(kind, alert)]
    assert found.holds is (alert and planned in ("a window", "a drill"))
    said = audit.verdict(found)
    assert ("1 uses of a sealed credential that no window covers" in said) is (planned in ("nothing", "no window"))
    assert ("1 alerts that did not come" in said) is not alert
    written = audit.evidence(found, fabric, ME[1], ())
    assert [use["user"] for use in written["sealed"]] == ["breakglass"]
    lines = "\n".join(audit.report_lines(found, fabric, "here"))
    assert "Uses of sealed credentials (1)" in lines


def test_alerts_that_nobody_took_are_told(fabric: Fabric) -> None:
    found = audit.audit(fabric, {"log1": {**answer(grown(1))["log1"], "untold": 2}}, {}, None, ME)
    assert found.silent == ["log1: 2 alerts wait for log_server_alert_command; journalctl -u kakehashi-alert says why"]
    assert not found.holds
