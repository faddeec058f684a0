from __future__ import annotations

import pytest

from module_utils.units.plan import Reader, State, Wish, behind, calls, parse_show, units_of, unknown

SHOWN = """Id=nftables.service
Names=nftables.service
LoadState=loaded
UnitFileState=disabled
ActiveState=inactive
ConditionResult=no
ConditionTimestampMonotonic=0

Id=systemd-timesyncd.service
Names=systemd-timesyncd.service dbus-org.freedesktop.timesync1.service
LoadState=loaded
UnitFileState=enabled
ActiveState=inactive
ActiveEnterTimestampMonotonic=2500000
NeedDaemonReload=yes
ConditionResult=no
ConditionTimestampMonotonic=1234

Id=nothing.service
Names=nothing.service
LoadState=not-found
ActiveState=inactive
"""


def test_reads_what_systemd_shows() -> None:
    states = parse_show(SHOWN)
    assert states["nftables.service"] == State("loaded", "disabled", "inactive")
    assert states["dbus-org.freedesktop.timesync1.service"].condition_failed
    assert (states["systemd-timesyncd.service"].outdated, states["systemd-timesyncd.service"].since) == (True, 2.5)
    assert states["nothing.service"].load == "not-found"


@pytest.mark.parametrize(
    ("wish", "state", "wanted"),
    [
        (Wish(enabled=("a",), started=("a",)), State("loaded", "disabled", "inactive"), [["enable", "a"], ["start", "a"]]),
        (Wish(enabled=("a",), started=("a",)), State("loaded", "enabled", "active"), []),
        (Wish(enabled=("a",)), State("loaded", "static"), []),
        (Wish(started=("a",)), State("loaded", "enabled", "inactive", condition_failed=True), []),
        (Wish(started=("a",)), State("loaded", "enabled", "failed"), [["start", "a"]]),
        (Wish(started=("a",)), State("masked", "masked", "inactive"), [["unmask", "a"], ["start", "a"]]),
        (Wish(disabled=("a",), stopped=("a",)), State("loaded", "enabled", "active"), [["disable", "a"], ["stop", "a"]]),
        (Wish(disabled=("a",), stopped=("a",)), State(), []),
        (Wish(masked=("a",)), State("loaded", "enabled", "active"), [["mask", "a"]]),
        (Wish(masked=("a",)), State("masked", "masked"), []),
    ],
)
def test_asks_only_for_what_is_not_so_yet(wish: Wish, state: State, wanted: list[list[str]]) -> None:
    assert calls(wish, {"a": state}) == wanted


def test_names_what_systemd_does_not_know() -> None:
    wish = Wish(enabled=("a", "b"), started=("a",), stopped=("c",))
    assert unknown(wish, {"b": State("loaded")}) == ["a"]
    assert wish.names() == ("a", "b", "c")


def test_files_name_their_units() -> None:
    room = "/etc/systemd/system"
    paths = [f"{room}/a.service", f"{room}/ssh.socket.d/x.conf", f"{room}/a.service.d/y.conf"]
    assert units_of(paths) == ("a.service", "ssh.socket")
    assert units_of([f"{room}/t@.service", f"{room}/service.d/x.conf", f"{room}/a-.mount.d/x.conf", "/etc/x.conf"]) == ()


def test_only_what_runs_and_started_before_its_file_is_behind() -> None:
    states = {"old": State(active="active", since=5), "new": State(active="active", since=15), "off": State(since=5)}
    readers = [Reader(name, ("/f", "/absent")) for name in ("old", "new", "off", "unknown")]
    assert behind(Wish(), readers, states, {"/f": 10.0}) == ["old"]


@pytest.mark.parametrize("wish", [Wish(stopped=("old",)), Wish(masked=("old",))])
def test_what_is_to_be_stopped_is_not_started_again_for_a_new_file(wish: Wish) -> None:
    assert behind(wish, [Reader("old", ("/f",))], {"old": State(active="active", since=5)}, {"/f": 10.0}) == []
