"""Uses of sealed credentials: what tells of one, what is told once, what covers it, and what was never told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from module_utils.audit import alerts, recorder
from module_utils.audit.chain import ENTRY
from module_utils.audit.entries import Entry
from module_utils.audit.logins import logins
from module_utils.audit.plan import PlanError, Window
from module_utils.audit.recorder import Recorder, Settings
from module_utils.audit.sealed import ALARM, TOGETHER, Use, Watch, use_of
from module_utils.audit.uses import drill_window, judged, silent, use_lines
from module_utils.sessions.recordings import Recordings

NAMES = ("glass",)
SAID = "The sealed credential of glass was used: login from 192.0.2.70"
ACCEPTED = "Accepted publickey for {} from 192.0.2.70 port 5 ssh2: ED25519 SHA256:abc"
AT = 1_796_000_000_000_000
SCRIPT = Path(__file__).parents[3] / "roles/login_restriction/files/kakehashi-break-glass"


def entry(text: str, by: str = "sshd", at: int = AT, host: str = "mdx1") -> dict[str, Any]:
    return {"id": f"{by}{at}", "host": host, "at": at, "by": by, "pid": 7, "boot": "b", "unit": "ssh.service", "text": text}


ALERT, LOGIN = entry(SAID, ALARM), entry(ACCEPTED.format("glass"), at=AT + 5)
DRILL = Window("drill", AT - 10, AT + 10, NAMES, drill=True)


def test_the_host_and_sshd_tell_of_it() -> None:
    assert use_of(ALERT, ()) == Use(f"{ALARM}{AT}", "mdx1", "glass", "192.0.2.70", AT, ALARM)
    found = use_of(entry(ACCEPTED.format("glass"), "sshd-session"), NAMES)
    assert (found and (found.user, found.source)) == ("glass", "192.0.2.70")


@pytest.mark.parametrize(
    "other",
    [
        entry(ACCEPTED.format("aoki")),
        entry("Failed publickey for glass from 192.0.2.70 port 5 ssh2: ED25519 SHA256:abc"),
        entry(SAID),
        entry(SAID, "sudo"),
        entry("something else", ALARM),
    ],
)
def test_other_words_do_not(other: dict[str, Any]) -> None:
    assert use_of(other, NAMES) is None


def test_the_words_are_the_ones_that_the_host_uses() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    said = (
        text.partition('said="')[2]
        .partition('"')[0]
        .replace("$name", "glass")
        .replace("${PAM_RHOST:-an unknown place}", "192.0.2.70")
    )
    assert (said, f"-t {ALARM} -- " in text) == (SAID, True)


def test_one_use_is_told_once() -> None:
    watch, first = Watch(), use_of(ALERT, ())
    assert first is not None
    again = replace(first, id="x", at=AT + TOGETHER, by="sshd")
    elsewhere, later = replace(first, host="login1"), replace(first, at=AT + TOGETHER + 1)
    assert watch.fresh([first, again, elsewhere]) == [first, elsewhere]
    assert watch.fresh([again, later]) == [later]


@pytest.mark.parametrize(
    ("windows", "kind"),
    [
        ((), "no window covers it"),
        ((replace(DRILL, operators=("aoki",)),), "no window covers it"),
        ((replace(DRILL, drill=False, name="move"),), "planned, move"),
        ((replace(DRILL, drill=False), DRILL), "drill, drill"),
        ((replace(DRILL, hosts=("mdx2",)),), "no window covers it"),
    ],
)
def test_what_covers_it(windows: tuple[Window, ...], kind: str) -> None:
    entries = [ALERT, LOGIN, entry(ACCEPTED.format("aoki"))]
    [use] = judged(logins(entries), entries, NAMES, windows, {})
    assert (use.kind, use.alert) == (kind, True)
    assert list(silent([use], ())) == []
    assert list(use_lines([use], {"192.0.2.70": "login1"})) == [
        f"  2026-11-30 00:53:20  glass  from login1 192.0.2.70  to mdx1  {kind}"
    ]


@pytest.mark.parametrize(
    "alerts_seen", [[], [entry(SAID, ALARM, host="login1")], [entry(SAID, ALARM, AT + 20_000_006)], [entry(SAID)]]
)
def test_a_host_that_raised_no_alert_is_named(alerts_seen: list[dict[str, Any]]) -> None:
    entries = [LOGIN, *alerts_seen]
    uses = judged(logins(entries), entries, NAMES, (DRILL,), {})
    [told] = silent(uses, ())
    assert told.startswith("mdx1: glass logged in at 2026-11-30 00:53:20 (UTC) and the host raised no alert;")
    assert list(silent(uses, {"mdx1"})) == []


def test_an_alert_is_one_logins_only() -> None:
    entries = [LOGIN, entry(SAID, ALARM, AT + 9), entry(ACCEPTED.format("glass"), at=AT + 2_000_000)]
    uses = judged(logins(entries), entries, NAMES, (), {})
    assert [use.alert for use in uses] == [True, False]


def test_a_drill_has_a_window_now() -> None:
    assert drill_window([replace(DRILL, drill=False), DRILL], "glass", ["mdx1"], AT) == DRILL
    for other in (replace(DRILL, drill=False), replace(DRILL, end=AT - 1), replace(DRILL, hosts=("mdx2",))):
        with pytest.raises(PlanError, match="no window of the plan is for a drill of glass on mdx1 now: write one with drill"):
            drill_window([other], "glass", ["mdx1"], AT)


class Chain:
    """Stands for the store: remembers what was appended, and what waited to be told then."""

    def __init__(self, room: Path) -> None:
        self.room, self.kept, self.waiting = room, [], []  # type: ignore[var-annotated]

    def append(self, kind: str, rows: list[dict[str, Any]]) -> int:
        assert kind == ENTRY
        self.waiting = alerts.waiting(self.room)
        self.kept += rows
        return len(rows)


@pytest.mark.parametrize("command", [(), ("true",)])
def test_the_recorder_keeps_what_is_to_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    room = tmp_path / alerts.ROOM
    store = Chain(room)
    settings = Settings("log1", ("mdx1",), (), "", "", 1, 1, NAMES, command)
    watching = Recorder(settings, store, tmp_path, Recordings(tmp_path / "recordings"))  # type: ignore[arg-type]
    read = [Entry(**ALERT), Entry(**LOGIN)]
    monkeypatch.setattr(watching, "_read", lambda *_: (read, [], "", 2))
    assert watching._take("mdx1", "mdx1", []) == 2
    assert [path.name for path in store.waiting] == ([f"{ALARM}{AT}.json"] if command else []), "before it is in the chain"
    assert len(store.kept) == 2


def test_it_is_told_until_somebody_took_it(tmp_path: Path) -> None:
    use = use_of(ALERT, ())
    assert use is not None
    alerts.keep(tmp_path / "room", [use, use])
    [kept] = alerts.waiting(tmp_path / "room")
    [why] = alerts.deliver(tmp_path / "room", ["sh", "-c", "echo no mail >&2; exit 3"])
    assert why == f"the alert {kept.stem} could not be told: sh ended with 3: no mail"
    assert "could not be told" in alerts.deliver(tmp_path / "room", ["/none"])[0]
    assert alerts.deliver(tmp_path / "room", ["sh", "-c", f"cat >{tmp_path}/told"]) == []
    assert json.loads((tmp_path / "told").read_text())["user"] == "glass"
    assert alerts.waiting(tmp_path / "room") == []


def test_settings_name_both() -> None:
    data = {"own": "log1", "senders": [], "identifiers": [], "received": "/r", "local": "/l", "days": 1, "port": 2}
    found = recorder.settings_of(json.dumps({**data, "break_glass": ["glass"], "alert_command": ["mail", "x"]}))
    assert (found.break_glass, found.alert_command) == (("glass",), ("mail", "x"))
