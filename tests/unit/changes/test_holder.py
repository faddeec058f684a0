from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from plugin_utils.holder import holder, is_over, run_of, started

BOOT, OTHER_BOOT = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


class Machine:
    """A /proc with one process, 4711, and this one; and a machine-id."""

    def __init__(self, top: Path) -> None:
        self.proc, self.name = top / "proc", top / "machine-id"
        (self.proc / "sys/kernel/random").mkdir(parents=True)
        (self.proc / "self/ns").mkdir(parents=True)
        self.name.write_text("0123456789abcdef0123456789abcdef\n")
        self.boots(BOOT)
        self.namespace("pid:[4026531836]")
        for pid in (4711, os.getpid()):
            self.runs(pid, 815)

    def boots(self, boot: str) -> None:
        (self.proc / "sys/kernel/random/boot_id").write_text(f"{boot}\n")

    def namespace(self, name: str) -> None:
        (self.proc / "self/ns/pid").unlink(missing_ok=True)
        (self.proc / "self/ns/pid").symlink_to(name)

    def runs(self, pid: int, ticks: int) -> None:
        (self.proc / str(pid)).mkdir(exist_ok=True)
        fields = " ".join(["S", "1", *["0"] * 17, str(ticks), "0"])
        (self.proc / str(pid) / "stat").write_text(f"{pid} (ansible-playbook) {fields}\n")

    def who(self, **changed: Any) -> dict[str, Any]:
        began = started(4711, self.proc, self.name)
        return {"controller": socket.gethostname(), "pid": 4711, "started": began, **changed}

    def over(self, who: dict[str, Any]) -> bool:
        return is_over(who, self.proc, self.name)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_run_that_lives_is_not_over(machine: Machine) -> None:
    assert not machine.over(machine.who())


def test_a_run_whose_process_is_gone_is_over(machine: Machine) -> None:
    who = machine.who()
    (machine.proc / "4711/stat").unlink()
    assert machine.over(who)


def test_another_process_of_the_same_number_is_not_the_run(machine: Machine) -> None:
    who = machine.who()
    machine.runs(4711, 816)
    assert machine.over(who)


def test_every_run_of_an_earlier_boot_is_over(machine: Machine) -> None:
    who = machine.who()
    machine.boots(OTHER_BOOT)
    assert machine.over(who)


def test_of_another_machine_or_container_of_the_same_name_nothing_is_known(machine: Machine) -> None:
    who = machine.who()
    (machine.proc / "4711/stat").unlink()
    assert machine.over(who)
    machine.namespace("pid:[4026532000]")
    assert not machine.over(who), "another container"
    machine.namespace("pid:[4026531836]")
    machine.boots(OTHER_BOOT)
    for name in ("fedcba9876543210fedcba9876543210\n", "", None):
        machine.name.unlink()
        if name is not None:
            machine.name.write_text(name)
        else:
            machine.name.mkdir()
        assert not machine.over(who), f"another machine: {name!r}"


def test_two_machines_without_a_name_are_not_taken_for_one(machine: Machine) -> None:
    machine.name.write_text("")
    who = machine.who()
    machine.boots(OTHER_BOOT)
    assert not machine.over(who)


@pytest.mark.parametrize(
    "changed",
    [{"controller": "desk.example.org"}, {"pid": 0}, {"started": ""}, {"started": "2026-01-02T03:04:05Z"}],
    ids=str,
)
def test_what_is_not_known_is_not_over(machine: Machine, changed: dict[str, Any]) -> None:
    (machine.proc / "4711/stat").unlink()
    assert not machine.over({**machine.who(started=f"0123456789abcdef0123456789abcdef {BOOT} pid:[4026531836] 815"), **changed})


def test_without_proc_nothing_is_known(tmp_path: Path) -> None:
    assert started(1, tmp_path) == ""
    assert not is_over({"controller": socket.gethostname(), "pid": 1, "started": "a b c d"}, tmp_path)


def test_workers_of_a_run_are_the_run() -> None:
    script = "import os, sys, time\npid = os.fork()\nprint(os.getpid(), flush=True) if pid == 0 else None\nsys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        worker = int(run.stdout.readline())
        assert run_of(worker) == run.pid
        assert holder(pid=worker)["pid"] == run.pid
        assert not is_over(who := holder(pid=worker))
        assert run.stdin is not None
        run.stdin.close()
        run.wait(20)
    assert is_over(who)
