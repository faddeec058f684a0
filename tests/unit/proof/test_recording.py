"""What records sessions, as validation finds it on hosts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from module_utils.people.plan import RECORDER
from module_utils.sessions.command import DASH, SHELL
from plugin_utils.live_proof import host_drift
from plugin_utils.render import render_fabric

from .test_authorities import as_found, drift
from .test_prove import twin


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/usr/local/sbin/kakehashi-session", "#!/usr/local/sbin/kakehashi-shell"),
        ("/etc/kakehashi/sessions.json", '"admitted"'),
        ("/etc/systemd/system/kakehashi-sessions@.service", "ExecStart"),
        ("/etc/systemd/system/kakehashi-sessions.socket", "SocketMode"),
    ],
)
def test_what_records_sessions_is_compared(path: str, line: str) -> None:
    found = as_found()
    files = found["login1"]["files"]
    files[path] = "".join(text for text in files[path].splitlines(keepends=True) if line not in text)
    (told,) = drift(found)
    assert told.startswith(f"login1: recording: {path}:")
    assert line.strip('"') in told
    del files[path]
    assert drift(found) == [f"login1: recording: {path}: the file is missing"]


def test_a_recorder_changed_by_hand_is_named() -> None:
    found = as_found()
    found["mdx1"]["programs"][RECORDER] = "0" * 64
    assert drift(found) == [f"mdx1: recording: {RECORDER}: the program is another than the one that would be written"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"programs": {DASH: "1" * 64}}, "the shell of what begins sessions is missing: no session begins"),
        (
            {"programs": {DASH: "2" * 64, SHELL: "1" * 64}},
            "the shell of what begins sessions is another than this host's /bin/dash",
        ),
        (
            {"owned": {SHELL: [0, 0, 0o755]}},
            "its mode is 0755, not 0711: who can read it sees what the beginning of a session holds open",
        ),
    ],
)
def test_the_shell_of_what_begins_sessions_is_compared(change: dict[str, dict[str, Any]], words: str) -> None:
    found = as_found()
    for name, values in change.items():
        kept = {RECORDER: found["mdx1"]["programs"][RECORDER]} if name == "programs" else {}
        found["mdx1"][name] = {**kept, **values}
    assert drift(found) == [f"mdx1: recording: {SHELL}: {words}"]


def test_what_stays_on_a_host_whose_recording_was_left_off_is_no_drift() -> None:
    fabric, _artefacts = twin()
    off = replace(fabric, hosts={**fabric.hosts, "login1": replace(fabric.hosts["login1"], record_sessions=False)})
    artefacts = render_fabric(off)
    assert "/usr/local/sbin/kakehashi-session" not in artefacts.hosts["login1"]
    found = as_found()
    found["login1"] |= {"files": {**found["login1"]["files"], **artefacts.hosts["login1"]}, "programs": {}, "socket_units": ""}
    assert [d.text() for d in host_drift(off, found, artefacts.switches)] == []
