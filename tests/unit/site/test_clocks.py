"""A run ends before anything is armed where a signer's or a login server's clock is wrong: the tasks, by the real Ansible."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plugin_utils.show import views
from plugin_utils.site import goes_by_time
from tests.unit.site.test_serial_plays import HERE, OFF, ROOT, ran, said
from tests.unit.site.test_session_certificate import tasks_of

SIGNER, LOGIN, NODE = (
    {"managed": True, "host_certificate": {}, **{part: {} for part in parts}}
    for parts in (["certificate_authority"], ["login_server", "onward_certificates"], ["segment_interface"])
)
VIEWS = {"ca1": SIGNER, "login1": LOGIN, "mdx1": NODE, "off": NODE, "foreign": {"managed": False}}
CHECKS = tasks_of(
    "change_checks.yml",
    "Read the clocks on which certificates and codes hang, and the certificates that hosts show",
    "Refuse to begin where certificates would fail by a clock that is wrong",
    "Say which clocks are wrong, and which host certificates end during the change",
)


def wrong(place: Path, seconds: int) -> dict[str, Any]:
    """A host whose ``date`` shows another time, in each shell that is started for Ansible."""
    room = place / f"by{seconds}"
    room.mkdir()
    for name, text in (
        ("date", f'exec /usr/bin/date -d "{seconds:+d} seconds" "$@"'),
        ("sh", f'PATH={room}:$PATH exec /bin/sh "$@"'),
    ):
        (room / name).write_text(f"#!/bin/sh\n{text}\n")
        (room / name).chmod(0o755)
    return {**HERE, "ansible_shell_executable": str(room / "sh")}


def printing(place: Path, text: str) -> dict[str, Any]:
    """A host whose ``date`` prints this."""
    host = wrong(place, 0)
    (place / "by0/date").write_text(f"#!/bin/sh\necho '{text}'\n")
    return host


def begun(place: Path, hosts: dict[str, dict[str, Any]], **values: Any) -> tuple[int, str]:
    first = {"hosts": "all", "gather_facts": False, "any_errors_fatal": True, "tasks": CHECKS}
    then = {"hosts": "all", "gather_facts": False, "tasks": [said("armed")]}
    return ran(place, [first, then], hosts, fabric_views=VIEWS, **values)


def test_a_signer_whose_clock_is_wrong_ends_the_run_before_any_host_is_armed(tmp_path: Path) -> None:
    code, output = begun(tmp_path, {"login1": HERE, "ca1": wrong(tmp_path, 600), "mdx1": HERE})
    assert code != 0
    assert "armed" not in output
    assert "Nothing was changed on any host: the clock of ca1 is 5" in output
    assert "-e change_clock_skew_seconds=60" in output


def test_a_run_that_says_so_changes_all_the_same(tmp_path: Path) -> None:
    hosts = {"login1": HERE, "ca1": wrong(tmp_path, -600)}
    code, output = begun(tmp_path, hosts, change_clock_skew_seconds=610)
    assert ("armed ca1" in output, code) == (True, 0), output
    assert "the clock of ca1 is 59" in output
    assert "certificates and codes may be refused there" in output


def test_a_nodes_clock_is_told_and_hinders_nothing(tmp_path: Path) -> None:
    code, output = begun(tmp_path, {"login1": HERE, "ca1": HERE, "mdx1": wrong(tmp_path, 7200)})
    assert ("armed mdx1" in output, code) == (True, 0), output
    assert output.count("the clock of mdx1 is 7") == 1


def test_where_clocks_are_right_nothing_is_said_and_who_is_off_hinders_nothing(tmp_path: Path) -> None:
    _code, output = begun(tmp_path, {"off": OFF, "login1": HERE, "ca1": HERE, "foreign": HERE})
    assert "armed login1" in output
    assert "clock of" not in output, output
    assert "foreign] => changed" not in output


def test_what_only_looks_is_told(tmp_path: Path) -> None:
    code, output = begun(tmp_path, {"login1": HERE, "ca1": wrong(tmp_path, 600)}, rotate_status=True)
    assert ("armed ca1" in output, code) == (True, 0), output
    assert "the clock of ca1 is 5" in output


def test_whose_clocks_are_asked() -> None:
    certified = views([str(ROOT / "tests/twin/survey/inventory"), str(ROOT / "tests/twin/rotation")])
    assert {name for name, view in certified.items() if goes_by_time(view)} == {"login1", "ca1", "mdx1", "data1", "infra1"}
    plain = views([str(ROOT / "tests/twin/survey/inventory")])
    assert {name for name, view in plain.items() if goes_by_time(view)} == set(), "where nothing hangs on time, no clock hinders"
    login_server: dict[str, Any] = {"managed": True, "login_server": {}}
    assert not goes_by_time(login_server)
    assert goes_by_time({**login_server, "login_restriction": {"totp_users": ["sato"]}})
    assert goes_by_time({**login_server, "login_restriction": {"users": [{"name": "aoki", "authorities": ["ssh-ed25519 AAAA"]}]}})
    assert not goes_by_time(None)


@pytest.mark.parametrize("printed", ["9" * 400, "kakehashi-time " + "9" * 400, "-5", ""])
def test_a_host_that_tells_no_time_hinders_nobody(tmp_path: Path, printed: str) -> None:
    """Root of one node may have it print anything."""
    hosts = {"login1": HERE, "ca1": HERE, "mdx1": printing(tmp_path, printed)}
    code, output = begun(tmp_path, hosts)
    assert ("armed mdx1" in output, code) == (True, 0), output
    assert "Traceback" not in output
    assert "the clock of mdx1" not in output


def test_what_a_shell_prints_before_is_no_time(tmp_path: Path) -> None:
    hosts = {"login1": HERE, "ca1": {**wrong(tmp_path, 600)}}
    shell = tmp_path / "by600/sh"
    shell.write_text(shell.read_text().replace("#!/bin/sh\n", "#!/bin/sh\necho 'Welcome to ca1'\n"))
    code, output = begun(tmp_path, hosts)
    assert (code != 0, "the clock of ca1 is 5" in output) == (True, True), output
