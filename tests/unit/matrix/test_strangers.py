"""Who and what validation names on a host or switch beside what is declared."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from module_utils.matrix import surroundings
from module_utils.matrix.drift import Drift
from module_utils.matrix.strangers import (
    acl_drift,
    altered_drift,
    forwarding_drift,
    keeper_drift,
    listeners_drift,
    members_drift,
    mounts_drift,
    numbers_drift,
    privileged_drift,
    programs_drift,
    shells_drift,
)

USERS = "root:x:0:0::/root:/bin/bash\nsato:x:3001:3001::/home/sato:/bin/bash\nkato:x:3004:3004::/home/kato:/bin/bash\n"
GROUP = "root:x:0:\nsato:x:3001:\nkato:x:3004:\nbroken\n"
SOCKETS = """Listen=0.0.0.0:2049 (Stream)
Listen=[::]:2049 (Stream)
Id=nfsx.socket
ActiveState=active
FragmentPath={}nfsx.socket

Listen=[::]:22 (Stream)
Id=ssh.socket
ActiveState=active
FragmentPath=/lib/systemd/system/ssh.socket
"""


def texts(found: Iterable[Drift]) -> list[str]:
    return [drift.text() for drift in found]


def listener(port: int, *programs: tuple[str, bool], address: str = "0.0.0.0") -> dict[str, object]:  # noqa: S104 - what ss says
    return {"address": address, "port": port, "programs": [{"path": path, "sshd": sshd} for path, sshd in programs]}


def listeners(*rows: dict[str, object], units: str = "") -> list[str]:
    return texts(listeners_drift("h", rows, units, {2049, 2222, 22}, {22, 2022}))


def test_members_of_an_accounts_group() -> None:
    assert texts(members_drift("h", GROUP, USERS, ["sato", "kato", "gone"])) == []
    listed = GROUP.replace("sato:x:3001:", "sato:x:3001:sato,kato")
    assert texts(members_drift("h", listed, USERS, ["sato"])) == [
        "h: people: /etc/group: sato: kato is in sato's own group, so reads what is for it"
    ]
    by_passwd = USERS.replace("kato:x:3004:3004", "kato:x:3004:3001")
    by_twin_group = GROUP + "other:x:3001:kato\n"
    assert len(texts(members_drift("h", GROUP, by_passwd, ["sato"]))) == 1
    assert len(texts(members_drift("h", by_twin_group, USERS, ["sato"]))) == 1


def test_numbers() -> None:
    assert texts(numbers_drift("h", USERS, {"sato": 3001, "suzuki": 3002})) == []
    found = texts(numbers_drift("h", USERS.replace("sato:x:3001:", "sato:x:3004:"), {"sato": 3001}))
    assert found == [
        "h: people: /etc/passwd: sato: has uid 3004, declared is 3001",
        "h: people: /etc/passwd: sato, kato: are one user to the kernel: all have uid 3004",
    ]


def test_acls_and_programs() -> None:
    found = texts(acl_drift("h", ["/etc/kakehashi/onward/kato", "/etc/pam.d/sshd"]))
    assert [text.split(": ")[1] for text in found] == ["keys", "PAM"]
    assert texts(privileged_drift("h", {"/opt/sh": "setuid root"})) == [
        "h: programs: /opt/sh: runs with setuid root, and no package brought it"
    ]


def test_files_of_packages() -> None:
    assert texts(altered_drift("h", ["/usr/sbin/sshd"])) == [
        "h: programs: /usr/sbin/sshd: is not what its package brought: somebody changed it in place"
    ]


def test_declared_listeners_and_those_of_the_host_itself() -> None:
    systemd = ("/usr/lib/systemd/systemd", False)
    assert listeners(listener(22, (surroundings.SSHD, True), systemd), units=SOCKETS.format("/usr/lib/systemd/system/")) == []
    assert listeners(listener(2022, (surroundings.SSHD, True)), listener(2049), listener(2222, ("/opt/intake", False))) == []
    assert listeners(listener(9, ("/opt/x", False), address="127.0.0.1"), listener(9, address="[::1]")) == []


def test_other_listeners() -> None:
    assert listeners(listener(2023, ("/opt/x", True))) == [], "the packet filter is closed there, or named itself"
    assert listeners(listener(22, ("/opt/x", True))) == [
        "h: network: TCP port 22 (/opt/x): is not the sshd that belongs on this port"
    ]
    assert listeners(listener(2222, ("/opt/x", True))) == [
        "h: network: TCP port 2222 (/opt/x): is an sshd on the port of another service"
    ]
    held = listener(2049, ("/usr/lib/systemd/systemd", False))
    assert listeners(held, units=SOCKETS.format("/usr/lib/systemd/system/")) == []
    assert ["nfsx.socket listens there" in text for text in listeners(held, units=SOCKETS.format("/etc/systemd/system/"))] == [
        True
    ]


def test_mounts_among_data_sets() -> None:
    line = "36 35 8:1 / /srv/kakehashi/{} {} - ext4 /dev/sda1 rw"
    good = line.format("sato/scans", "ro,nosuid,nodev,noexec")
    declared = {"/srv/kakehashi/sato/scans"}

    def found(*lines: str) -> list[str]:
        return texts(mounts_drift("h", "\n".join(lines), "/srv/kakehashi", declared))

    assert found(good, "36 35 8:1 / / rw - ext4 /dev/sda1 rw") == []
    assert found(line.format("sato", "rw")) == [
        "h: data sets: /srv/kakehashi/sato: is mounted there, and no data set is declared there"
    ]
    assert "is mounted without nodev, noexec, nosuid, ro" in found(line.format("sato/scans", "rw"))[0]
    assert "something is mounted over" in found(good, good)[0]


def test_what_a_switch_forwards_by() -> None:
    plain = ' priority=0 actions=NORMAL\n--\n{"data":[],"headings":["name"]}\n--\n'
    assert texts(forwarding_drift("sw", plain)) == []
    old = "NXST_FLOW reply (xid=0x4):\r\n cookie=0x0, table=0, priority=0 actions=NORMAL\r\n--\r\n"
    assert texts(forwarding_drift("sw", old + '{"data":[]}\r\n--\r\n')) == []
    added = ' priority=5,in_port=1 actions=output:2\n--\n{"data":[["m0"]]}\n--\ntcp:192.0.2.9:6653\n'
    assert texts(forwarding_drift("sw", added)) == [
        "sw: switch: OpenFlow rule: forwards beside the ports' VLANs: 'priority=5,in_port=1 actions=output:2'",
        "sw: switch: mirror m0: copies frames to another port or VLAN",
        "sw: switch: controller tcp:192.0.2.9:6653: may change how the switch forwards",
    ]
    with pytest.raises(ValueError, match="unpack"):
        list(forwarding_drift("sw", "ovs-ofctl: not found"))


def test_what_packages_brought(tmp_path: Path) -> None:
    (tmp_path / "info").mkdir()
    (tmp_path / "info/mount.list").write_text("/bin/mount\n/usr/bin/passwd\n")
    (tmp_path / "diversions").write_text("/usr/bin/a\n/usr/bin/a.real\npackage\n")
    asked = ["/usr/bin/mount", "/usr/bin/passwd", "/usr/bin/a.real", "/usr/bin/rsh2"]
    assert surroundings.packaged(asked, tmp_path) == set(asked[:3])


def test_programs_with_more_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, mode in (("set", 0o4755), ("plain", 0o755), ("data", 0o644), ("able", 0o755)):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(mode)
    attributes = {str(tmp_path / "able")}
    monkeypatch.setattr(surroundings, "_attribute", lambda path, _name: path in attributes)
    problems: list[str] = []
    found = surroundings.privileged(problems, str(tmp_path), tmp_path)
    assert (problems, sorted(Path(path).name for path in found)) == ([], ["able", "set"])
    assert found[str(tmp_path / "able")] == "file capabilities"
    assert surroundings.with_acl([str(tmp_path / "able"), "/none"]) == [str(tmp_path / "able")]


def test_who_listens(tmp_path: Path) -> None:
    sshd, copy = tmp_path / "sshd", tmp_path / "copy"
    sshd.write_text("sshd")
    copy.write_text("sshd")
    (tmp_path / "7").mkdir()
    (tmp_path / "7/exe").symlink_to(copy)
    line = 'LISTEN 0 128 [::]:2222 [::]:* users:(("x",pid=7,fd=3),("x",pid=8,fd=3))'
    assert surroundings.listening([line], tmp_path, str(sshd)) == [
        {"address": "[::]", "port": 2222, "programs": [{"path": str(copy), "sshd": True}]}
    ]


def test_a_recorded_account_has_nothing_but_the_recorder_for_a_shell() -> None:
    listed = "sato:x:3001:3001::/home/sato:/usr/local/sbin/kakehashi-session\nkato:x:3004:3004::/home/kato:/bin/bash\n"
    assert texts(shells_drift("h", listed, {"sato"})) == []
    (told,) = texts(shells_drift("h", listed, {"sato", "kato"}))
    assert "the shell is /bin/bash, so what sshd runs for kato begins unrecorded" in told


def test_a_program_that_records_and_is_another_is_named() -> None:
    assert texts(programs_drift("h", {"/p": "1"}, {"/p": "1", "/other": "2"})) == []
    assert texts(programs_drift("h", {"/p": "1"}, {"/p": "2"})) == [
        "h: recording: /p: the program is another than the one that would be written"
    ]
    assert texts(programs_drift("h", {"/p": "1"}, {})) == ["h: recording: /p: the program is missing"]


def test_keepers_that_nobody_can_reach_are_named() -> None:
    active = "Id=kakehashi-sessions.socket\nActiveState=active\n"
    assert texts(keeper_drift("h", f"{SOCKETS}\n{active}")) == []
    assert "is failed: accounts can't log in" in texts(keeper_drift("h", active.replace("active", "failed")))[0]
    assert "is not active: accounts can't log in" in texts(keeper_drift("h", SOCKETS))[0]
