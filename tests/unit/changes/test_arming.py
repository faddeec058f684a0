from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from module_utils.changes import arming, program
from module_utils.changes.record import ChangeError
from module_utils.changes.store import write_json
from module_utils.files.plan import File, Wish

from .support import HANA, ICHIRO, Bench, picture


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench.make(tmp_path)


def spoil(bench: Bench) -> None:
    (bench.root / "etc/ssh/sshd_config").write_text("Port 2222\n")
    (bench.root / "etc/ssh/new.conf").write_text("x")
    (bench.root / "etc/hosts").unlink()
    bench.machine.ruleset = ""
    bench.machine.units["ssh.service"] = "failed"
    (bench.root.parent / "proc/net/ipv4/ip_forward").write_text("1\n")


def test_arming_keeps_everything_secret_and_starts_one_timer(bench: Bench) -> None:
    found = arming.arm(bench.site, bench.wanted())
    assert not found["changed"]
    assert bench.machine.timers == {f"kakehashi-revert-{found['id']}-1"}
    assert bench.base.stat().st_mode & 0o777 == 0o700
    assert (bench.base / "pending").stat().st_mode & 0o777 == 0o700
    assert (bench.base / "pending/reserve").stat().st_size >= 2 << 20
    [call] = bench.machine.said("systemd-run")
    assert "--on-active=600s" in call
    assert "--timer-property=AccuracySec=1s" in call


def test_confirming_stops_the_timer_keeps_the_change_and_names_it(bench: Bench) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    spoil(bench)
    after = picture(bench.root)
    found = arming.confirm(bench.site, change)
    assert found["changed_paths"] == ["/etc/hosts", "/etc/ssh/new.conf", "/etc/ssh/sshd_config"]
    assert found["changed_running"] == ["the ruleset", "setting net/ipv4/ip_forward", "unit ssh.service"]
    assert bench.machine.timers == set()
    assert sorted(p.name for p in bench.base.iterdir()) == ["archive", "reverted", "writers"]
    assert picture(bench.root) == after
    assert arming.confirm(bench.site, change) == found, "a lost answer may be asked for again"
    assert bench.program(["--id", change]) == 0
    assert picture(bench.root) == after


def test_the_timer_brings_all_of_it_back(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    before = picture(bench.root)
    change = arming.arm(bench.site, bench.wanted())["id"]
    spoil(bench)
    assert bench.program(["--id", change, "--why", "timer"]) == 0
    assert picture(bench.root / "etc/ssh") == {k: v for k, v in before.items() if "/etc/ssh" in k}
    assert (bench.root / "etc/hosts").read_text() == "192.0.2.1 login1\n"
    assert bench.machine.ruleset == "table inet kakehashi {\n}\n"
    assert bench.machine.units["ssh.service"] == "active"
    assert (bench.root.parent / "proc/net/ipv4/ip_forward").read_text() == "0\n"
    said = capsys.readouterr().out
    assert "put /etc/ssh/sshd_config back" in said
    assert "nobody confirmed it in time" in said
    assert "Port" not in said
    assert bench.machine.timers == set()
    result = json.loads((bench.base / f"reverted/{change}/result.json").read_text())
    assert (result["why"], result["problems"], result["holder"]["operator"]) == ("timer", [], "hana")


def test_confirming_too_late_is_refused_and_says_what_to_do(bench: Bench) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    bench.program(["--id", change, "--why", "timer"])
    with pytest.raises(ChangeError, match=r"nobody confirmed it in time; 0 .*: run again with a larger change_seconds$"):
        arming.confirm(bench.site, change)


def test_what_died_while_it_confirmed_was_undone_and_is_not_called_kept(bench: Bench) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    spoil(bench)
    # All that a confirmation wrote before it was killed.
    write_json(bench.site.store.archive / f"{change}.confirmed", {"changed_paths": [], "changed_running": []})
    bench.program(["--id", change, "--why", "timer"])
    with pytest.raises(ChangeError, match="nobody confirmed it in time"):
        arming.confirm(bench.site, change)


def test_confirming_after_the_time_is_refused_even_where_the_timer_is_late(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    late = time.monotonic() + 601
    monkeypatch.setattr("module_utils.changes.arming.time.monotonic", lambda: late)
    with pytest.raises(ChangeError, match=r"was over before it was confirmed, so the host undoes it: run again with a larger"):
        arming.confirm(bench.site, change)
    assert bench.site.store.change() is not None, "the way back is kept"


@pytest.mark.parametrize("why", ["asked", "boot"])
def test_what_came_after_people_or_a_restart_undid_it_is_left_alone(bench: Bench, why: str) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    bench.program(["--id", change, "--why", why])
    (bench.root / "etc/ssh/sshd_config").write_text("repaired by hand")
    result = arming.revert(bench.site, change)
    assert result is not None
    assert (result.done, result.problems) == ([], [])
    assert " was undone at " in result.before
    assert (bench.root / "etc/ssh/sshd_config").read_text() == "repaired by hand"


def test_what_people_finished_is_theirs_even_where_the_timer_began_it(bench: Bench) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    spoil(bench)
    bench.machine.failing = {"nft -f": "no such table"}
    assert bench.program(["--id", change, "--why", "timer"]) == 1
    bench.machine.failing = {}
    assert bench.program(["--id", change]) == 0
    (bench.root / "etc/ssh/sshd_config").write_text("repaired by hand")
    result = arming.revert(bench.site, change)
    assert result is not None
    assert (result.done, result.problems) == ([], [])
    assert "nobody confirmed it in time" in result.before, "it stays the reason"
    assert (bench.root / "etc/ssh/sshd_config").read_text() == "repaired by hand"


def test_undoing_what_the_timer_undid_undoes_what_came_after_and_tells_both(bench: Bench) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    spoil(bench)
    bench.program(["--id", change, "--why", "timer"])
    before = picture(bench.root / "etc/ssh")
    (bench.root / "etc/ssh/sshd_config").write_text("written after the timer")
    bench.machine.ruleset = "table inet kakehashi {\n chain late\n}\n"
    bench.machine.calls.clear()
    result = arming.revert(bench.site, change)
    assert result is not None
    assert result.done == ["put /etc/ssh/sshd_config back", "loaded the ruleset that ran before"]
    assert result.problems == []
    assert "nobody confirmed it in time" in result.before
    assert [call[-2:] for call in bench.machine.said("systemd-run")] == [["--again", change]], "in a unit of its own"
    assert picture(bench.root / "etc/ssh") == before
    assert bench.machine.ruleset == "table inet kakehashi {\n}\n"
    again = arming.revert(bench.site, change)
    assert again is not None
    assert again.done == []
    assert [r["why"] for r in arming.read(bench.site)["earlier"]] == ["timer"], "the next run is told of the first undoing"


def test_undoing_again_tells_what_is_left(bench: Bench) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    bench.program(["--id", change, "--why", "timer"])
    bench.machine.ruleset = ""
    bench.machine.failing = {"nft -f": "no such table"}
    result = arming.revert(bench.site, change)
    assert result is not None
    assert result.problems[0] == "the ruleset: nft -f -: no such table"
    bench.machine.failing = {"systemd-run": "refused"}
    result = arming.revert(bench.site, change)
    assert result is not None
    assert len(result.problems) == 1
    assert result.problems[0].startswith("whether what was done later is undone can't be told: systemd-run")
    assert result.problems[0].endswith("refused")


def test_undoing_again_leaves_what_another_change_may_have_written(bench: Bench) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    bench.program(["--id", change, "--why", "timer"])
    other = arming.arm(bench.site, bench.wanted(ICHIRO))["id"]
    spoil(bench)
    result = arming.revert(bench.site, change)
    assert result is not None
    assert (result.done, result.problems) == ([], ["another change was armed since, so what was done later was left as it is"])
    assert "nobody confirmed it in time" in result.before
    assert (bench.root / "etc/ssh/sshd_config").read_text() == "Port 2222\n"
    arming.confirm(bench.site, other)
    assert arming.revert(bench.site, other) is None
    assert arming.revert(bench.site, "20260102T030405Z-abcd") is None


def test_what_is_written_while_the_timer_undoes_goes_too(bench: Bench) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    program = bench.program

    def late(arguments: list[str]) -> int:
        if "--id" in arguments:  # the timer is at it, and ends before the program gets the lock
            program(["--id", change, "--why", "timer"])
            (bench.root / "etc/ssh/sshd_config").write_text("written meanwhile")
        return program(arguments)

    bench.machine.on_wait = late
    result = arming.revert(bench.site, change)
    assert result is not None
    assert result.done == ["put /etc/ssh/sshd_config back"]
    assert (bench.root / "etc/ssh/sshd_config").read_text() == "Port 22\n"


def test_the_second_operator_is_told_who_holds_the_change(bench: Bench) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    with pytest.raises(ChangeError, match=r"hana on ops.example.org \(process 4711\) holds .* since 20.*\(a test\); .* in \d+ s"):
        arming.arm(bench.site, bench.wanted(ICHIRO))
    found = arming.read(bench.site)
    assert found["pending"]["id"] == change
    assert found["pending"]["changed_paths"] == []


def test_taking_over_undoes_the_first_change_and_says_so(bench: Bench) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    spoil(bench)
    found = arming.arm(bench.site, bench.wanted(ICHIRO, take_over=True))
    assert found["changed"]
    assert found["taken_over"]["id"] == change
    assert found["earlier"] == []
    assert (bench.root / "etc/ssh/sshd_config").read_text() == "Port 22\n"
    assert bench.machine.timers == {f"kakehashi-revert-{found['id']}-1"}
    with pytest.raises(ChangeError, match="another change was armed since"):
        arming.confirm(bench.site, change)


def test_an_undone_change_is_told_once(bench: Bench) -> None:
    first = arming.arm(bench.site, bench.wanted())["id"]
    bench.program(["--why", "boot"])
    assert [r["id"] for r in arming.read(bench.site)["earlier"]] == [first]
    found = arming.arm(bench.site, bench.wanted(ICHIRO))
    assert "the host was restarted before it was confirmed" in found["earlier"][0]["sentence"]
    assert not (bench.base / "reverted" / first).exists()
    arming.confirm(bench.site, found["id"])
    assert arming.arm(bench.site, bench.wanted())["earlier"] == []


def test_the_same_holder_gets_the_full_time_anew_and_keeps_the_first_snapshot(bench: Bench) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    spoil(bench)
    found = arming.arm(bench.site, bench.wanted(trees=["/etc/ssh"]))
    assert (found["id"], found["renewed"], found["changed"]) == (change, True, False)
    assert bench.machine.timers == {f"kakehashi-revert-{change}-2"}
    with pytest.raises(ChangeError, match=r"armed without /etc/pam\.d"):
        arming.arm(bench.site, bench.wanted(trees=["/etc/pam.d"]))
    arming.revert(bench.site, change)
    assert (bench.root / "etc/ssh/sshd_config").read_text() == "Port 22\n"


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("systemd-run", "nothing was armed and nothing changed: systemd-run .*: refused"),
        ("nft -c", "nothing was armed and nothing changed: nft -c -f -: refused"),
    ],
)
def test_what_cannot_be_armed_leaves_nothing(bench: Bench, start: str, words: str) -> None:
    bench.machine.failing = {start: "refused"}
    with pytest.raises(ChangeError, match=words):
        arming.arm(bench.site, bench.wanted())
    assert sorted(p.name for p in bench.base.iterdir()) == ["archive", "reverted", "writers"]
    assert arming.read(bench.site) == {"pending": None, "earlier": []}


def test_a_timer_that_does_not_run_is_no_arming(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.machine, "_shown", lambda name: f"Id={name}\nActiveState=inactive")
    with pytest.raises(ChangeError, match="does not run"):
        arming.arm(bench.site, bench.wanted())


def test_without_systemd_nothing_is_armed(bench: Bench) -> None:
    site = arming.Site(bench.site.store, bench.site.host, bench.site.install, bench.root, bench.root / "nowhere")
    with pytest.raises(ChangeError, match="systemd does not run this machine"):
        arming.arm(site, bench.wanted())


def test_what_cannot_be_put_back_stays_held_until_it_is_or_is_given_up(bench: Bench) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    spoil(bench)
    bench.machine.failing = {"nft -f": "no such table"}
    with pytest.raises(ChangeError, match=r"not put back: the ruleset: nft -f -: no such table"):
        arming.revert(bench.site, change)
    assert bench.machine.units["ssh.service"] == "active", "the rest comes back all the same"
    with pytest.raises(ChangeError, match="is tried every minute and can't finish: the ruleset"):
        arming.arm(bench.site, bench.wanted(ICHIRO))
    result = arming.revert(bench.site, change, give_up=True)
    assert result is not None
    assert result.problems
    assert arming.revert(bench.site) is None
    assert arming.read(bench.site)["pending"] is None


def test_a_boot_that_fails_tries_again_by_a_timer(bench: Bench) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    bench.machine.timers.clear()
    bench.machine.failing = {"systemctl daemon-reload": "no"}
    assert bench.program(["--why", "boot"]) == 1
    assert bench.machine.timers == {f"kakehashi-revert-{change}-boot"}
    assert bench.machine.said("systemd-run", "--no-block"), "waiting for a timer that early would never end"
    bench.machine.failing = {}
    assert bench.program(["--id", change, "--why", "timer"]) == 0
    assert arming.read(bench.site)["earlier"][0]["why"] == "boot", "what began it stays the reason"


def test_at_boot_nothing_waits_for_units(bench: Bench) -> None:
    arming.arm(bench.site, bench.wanted())
    bench.machine.calls.clear()
    bench.program(["--why", "boot"])
    assert bench.machine.said("systemctl", "--no-block") == [
        ["systemctl", "--no-block", "start", "ssh.service"],
        ["systemctl", "--no-block", "start", "nftables.service"],
    ]
    assert not bench.machine.said("ip")


def test_confirming_what_is_not_held(bench: Bench) -> None:
    with pytest.raises(ChangeError, match="holds no change 20260102T030405Z-abcd"):
        arming.confirm(bench.site, "20260102T030405Z-abcd")
    arming.arm(bench.site, bench.wanted())
    with pytest.raises(ChangeError, match="nothing to confirm; hana"):
        arming.confirm(bench.site, "20260102T030405Z-abcd")


def test_a_damaged_snapshot_is_told_and_nothing_is_written(bench: Bench) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    contents = bench.base / "pending/contents"
    contents.write_bytes(b"\0" * contents.stat().st_size)
    spoil(bench)
    assert bench.program(["--id", change]) == 1
    assert (bench.root / "etc/ssh/sshd_config").read_text() == "Port 2222\n"
    problems = arming.read(bench.site)["pending"]["sentence"]
    assert "/etc/ssh/sshd_config: the snapshot is damaged" in problems
    (bench.base / "pending/snapshot.json").write_text("{")
    assert bench.program(["--id", change]) == 1
    (bench.base / "pending/change.json").write_text("{}")
    assert bench.program([]) == 1


def test_the_program_without_anything_to_do(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.program([]) == 0
    arming.arm(bench.site, bench.wanted())
    assert bench.program(["--id", "20260102T030405Z-abcd"]) == 0
    assert bench.program(["--again", "20260102T030405Z-abcd"]) == 0
    assert bench.program(["--again", "../x"]) == 1
    assert "No change is held." in capsys.readouterr().out


def test_leftovers_of_a_killed_run_are_swept(bench: Bench) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    (bench.base / "pending").rename(bench.base / f"confirmed-{change}")
    (bench.base / "arming-x").mkdir()
    arming.arm(bench.site, bench.wanted(ICHIRO))
    assert sorted(p.name for p in bench.base.iterdir()) == ["archive", "pending", "reverted", "writers"]


def test_a_timer_that_does_not_stop_is_named(bench: Bench) -> None:
    change = arming.arm(bench.site, bench.wanted())["id"]
    bench.machine.failing = {"systemctl stop": ""}
    with pytest.raises(RuntimeError, match="systemctl stop"):
        arming.confirm(bench.site, change)
    assert bench.program(["--id", change]) == 0, "the change is confirmed, the timer finds nothing"


def test_the_program_is_one_file_and_always_the_same(tmp_path: Path) -> None:
    path = tmp_path / "kakehashi-revert"
    path.write_bytes(program.build())
    path.chmod(0o755)
    assert program.build() == path.read_bytes()
    result = subprocess.run([path, "--base", tmp_path / "none"], capture_output=True, text=True, check=True)
    assert result.stdout == "No change is held.\n"


def test_installing_writes_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bench: Bench) -> None:
    me = str(os.geteuid())
    wish = Wish(files=(File(str(tmp_path / "p"), b"x", 0o755, me, str(os.getegid())),))
    monkeypatch.setattr(program, "wish", lambda: wish)
    assert program.install(bench.site.host) == [str(tmp_path / "p")]
    assert program.install(bench.site.host) == []
    monkeypatch.setattr(program, "UNIT_FILE", str(tmp_path / "p"))
    (tmp_path / "p").unlink()
    assert len(program.install(bench.site.host)) == 2
    assert bench.machine.said("systemctl", "enable")
    monkeypatch.setattr(program, "wish", lambda: Wish(files=(File(str(tmp_path / "no/p"), b"x"),)))
    with pytest.raises(ChangeError, match="can't be installed"):
        program.install(bench.site.host)


def test_holders_are_told_apart(bench: Bench) -> None:
    arming.arm(bench.site, bench.wanted(HANA))
    with bench.site.store.locked(0), pytest.raises(ChangeError, match="another process"), bench.site.store.locked(0.1):
        pass
