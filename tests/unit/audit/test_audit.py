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
from module_utils.audit.plan import PlanError
from module_utils.fabric.model import Fabric, Override
from plugin_utils import audit
from plugin_utils.inventory import load_fabric

ROOT = Path(__file__).parents[3]
ME = ("aoki", "2026-12-01T000000Z")


@pytest.fixture(scope="module")
def fabric() -> Fabric:
    return load_fabric(ROOT / "inventories/twin")


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
    return {"log1": {"lines": lines, "faults": faults, "growing_only": True, "recording": True}}


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
