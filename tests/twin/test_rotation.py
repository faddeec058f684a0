"""Keys are replaced on a real twin while people work, with a host off, and by runs that are killed: nobody is shut out."""

from __future__ import annotations

import pytest

from tests.twin.changing import ROOT, Runs, cut_shared_connections
from tests.twin.machine import wait_until
from tests.twin.rotating import AUTHORITY, DATA_KEYS, ONWARD, TRUSTED, Rotating

pytestmark = [pytest.mark.twin, pytest.mark.identity]
PLAYBOOK = ROOT / "playbooks/rotate.yml"
PATIENCE = 1800  # seconds: a run from the first step to the last on a slow machine
# Before which task each run is killed; the next one goes on. First comes what each run goes on with.
KILLED = (
    ("make", "Confirm"),
    ("take", "Confirm"),  # the host undoes that, so it is done again
    ("take and switch", "Move the key pairs on"),
    ("switch", "Prove the new key"),
    ("forget", "Confirm"),
    ("withdraw", "Confirm"),
)


def test_a_host_that_is_off_keeps_the_old_key_in_use(rotating: Rotating) -> None:
    before = rotating.key("ca1", AUTHORITY)
    rotating.age("ca1", AUTHORITY)
    rotating("stop", "mdx1")
    try:
        done = rotating.rotate("authority")
    finally:
        rotating("start", "mdx1")
    assert done.returncode != 0
    said = " ".join(done.stdout.split())
    assert "the new key is not taken into use, because mdx1 could not be asked whether the new one is known there" in said
    assert rotating.key("ca1", AUTHORITY) == before
    wait_until(rotating.goes_on, 300)


def test_an_authority_is_replaced_while_people_work(rotating: Rotating) -> None:
    before = rotating.key("ca1", AUTHORITY)
    rotating.age("ca1", AUTHORITY)
    with rotating.at_work():
        done = rotating.rotate("authority")
        assert done.returncode == 0, done.stdout + done.stderr
        assert rotating.would_end("mdx1", "spared_days=0") == ["sato"], "it began by the authority that was replaced"
        site = rotating.playbook("site", "--limit", "mdx1")
        assert site.returncode == 0, site.stdout + site.stderr
    now = rotating.key("ca1", AUTHORITY)
    assert now != before
    assert rotating.taken("mdx1", TRUSTED) == [now]
    assert rotating("exec", "ca1", "--", "sh", "-c", "ls -A /var/lib | grep kakehashi-authority") == "kakehashi-authority\n"
    assert rotating.goes_on()


def test_onward_keys_are_replaced_while_people_work(rotating: Rotating) -> None:
    before = rotating.key("login1", ONWARD)
    rotating.age("login1", ONWARD)
    with rotating.at_work():
        held = rotating.rotate("onward", "-e", "rotate_until=switch")
        assert held.returncode == 0, held.stdout + held.stderr
        assert rotating.key("login1", ONWARD) != before
        assert rotating.opens_data("carried"), "until the next run both open data"
        rotating.carry_key("carried2")
        done = rotating.rotate("onward")
        assert done.returncode == 0, done.stdout + done.stderr
        data = "port=2022 config=/etc/ssh/sshd_config_data"
        assert rotating.would_end("data1", f"{data} spared_days=0") == ["sato"], "it began by the key that was replaced"
        site = rotating.playbook("site", "--limit", "data1")
        assert site.returncode == 0, site.stdout + site.stderr
    assert rotating.taken("data1", DATA_KEYS) == [rotating.key("login1", ONWARD)]
    assert rotating("exec", "login1", "--", "ls", "-A", "/etc/kakehashi/onward") == "kato\nsato\n"
    assert (rotating.opens_data("carried"), rotating.opens_data("carried2"), rotating.goes_on()) == (False, True, True)


def test_runs_that_are_killed_go_on_where_they_were(rotating: Rotating, tmp_path_factory: pytest.TempPathFactory) -> None:
    runs = Runs(rotating, tmp_path_factory.mktemp("runs"))
    before = rotating.key("ca1", AUTHORITY)
    rotating.age("ca1", AUTHORITY)
    for step, where in KILLED:
        run = runs.start(PLAYBOOK, "-e", "rotate=authority", kill_at=where)
        assert run.killed, f"{step}: {run.end()}"
        cut_shared_connections(rotating)  # the whole controller is gone
        assert rotating.key("ca1", AUTHORITY) in rotating.taken("mdx1", TRUSTED), step
        assert rotating.goes_on(), step
    last = runs.start(PLAYBOOK, "-e", "rotate=authority")
    assert last.process.wait(PATIENCE) == 0, last.end()
    now = rotating.key("ca1", AUTHORITY)
    assert (now != before, rotating.taken("mdx1", TRUSTED), rotating.goes_on()) == (True, [now], True)
    again = runs.start(PLAYBOOK, "-e", "rotate=authority")
    assert again.process.wait(PATIENCE) == 0, again.end()
    assert rotating.key("ca1", AUTHORITY) == now, "a run after the end begins nothing anew"
