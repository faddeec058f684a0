"""What is named when somebody changed a host or a switch by hand."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from module_utils.identity.krl import build
from module_utils.matrix import effective
from module_utils.matrix.drift import (
    Drift,
    carried,
    files_drift,
    layer_of,
    modes_drift,
    options_drift,
    ports_drift,
    revocations_drift,
    ruleset_drift,
)
from module_utils.matrix.effective import listeners, redacted_shadow
from module_utils.proof.layer2 import EVERY_VLAN, Port

SSHD = "/etc/ssh/sshd_config"
ACCESS = "/etc/security/access.conf"
RULES = "table inet kakehashi {\n\tchain input {\n\t\ttcp dport 22 accept\n\t\tcounter drop\n\t}\n}\n"


def texts(found: Iterable[Drift]) -> list[str]:
    return [drift.text() for drift in found]


def test_equal_files_are_no_drift() -> None:
    assert texts(files_drift("mdx1", {SSHD: "UsePAM yes\n"}, {SSHD: "UsePAM yes\n"}, ())) == []
    assert texts(files_drift("mdx1", {SSHD: "UsePAM yes\n"}, {SSHD: "\n\nUsePAM yes\n"}, ())) == []


def test_a_changed_line_is_named_with_its_number() -> None:
    wanted, seen = "\nUseDNS no\nUsePAM yes\n", "\nUseDNS no\nUsePAM no\n"
    assert texts(files_drift("exp1", {SSHD: wanted}, {SSHD: seen}, ())) == [
        f"exp1: sshd: {SSHD}:3: lacks 'UsePAM yes' and has 'UsePAM no'"
    ]


def test_added_and_lost_lines() -> None:
    added = "+:ALL:ALL\n-:ALL:ALL\n"
    assert texts(files_drift("h", {ACCESS: "-:ALL:ALL\n"}, {ACCESS: added}, ())) == [f"h: PAM: {ACCESS}:1: has '+:ALL:ALL'"]
    many = "".join(f"line {n}\n" for n in range(6))
    assert texts(files_drift("h", {SSHD: f"a\n{many}"}, {SSHD: "a\n"}, ())) == [
        f"h: sshd: {SSHD}:1: lacks 'line 0', 'line 1', 'line 2' and 3 more lines"
    ]
    assert texts(files_drift("h", {SSHD: "a\n"}, {SSHD: ""}, ())) == [f"h: sshd: {SSHD}:1: lacks 'a'"]


def test_a_last_line_without_end_is_named() -> None:
    assert texts(files_drift("h", {ACCESS: "-:ALL:ALL\n"}, {ACCESS: "-:ALL:ALL"}, ())) == [
        f"h: PAM: {ACCESS}:1: the last line lacks its end, so it may be ignored"
    ]


def test_missing_and_foreign_files() -> None:
    drop_in = "/etc/ssh/sshd_config.d/00-mine.conf"
    found = texts(
        files_drift("h", {SSHD: "x\n"}, {drop_in: "\nPermitRootLogin yes\n", "/etc/hosts": "x"}, ("/etc/ssh/sshd_config.d/",))
    )
    assert found == [
        f"h: sshd: {SSHD}: the file is missing",
        f"h: sshd: {drop_in}:1: nothing of ours put this file here: 'PermitRootLogin yes'",
    ]


def test_options_beside_the_configuration_are_named() -> None:
    usual = ["/usr/sbin/sshd -D", "sshd -D -e -f /etc/ssh/sshd_config_data"]
    assert texts(options_drift("h", usual, "# options\nSSHD_OPTS=\n", ["/etc/ssh/sshd_config_data"])) == []
    loose = "/usr/sbin/sshd -D -o PermitRootLogin=yes"
    assert texts(options_drift("h", [loose, "sshd -f /tmp/mine"], "\nexport SSHD_OPTS='-p 2222'\n", [])) == [
        f"h: sshd: running daemon: runs with options of its own: {loose!r}",
        "h: sshd: running daemon: runs with options of its own: 'sshd -f /tmp/mine'",
        """h: sshd: /etc/default/ssh:2: gives sshd options of its own: "export SSHD_OPTS='-p 2222'\"""",
    ]


def test_listening_daemons_of_this_network_are_read(tmp_path: Path) -> None:
    lines = {
        "self": ("net:[1]", "python3"),
        "10": ("net:[1]", "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups"),
        "11": ("net:[1]", "sshd: sato [priv]"),
        "12": ("net:[2]", "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups in a container"),
        "13": ("net:[1]", "/usr/sbin/sshd\0-d\0-p\x002222\0"),
        "14": ("net:[1]", ""),
        "17": ("net:[1]", "data-sshd: /usr/local/sbin/data-sshd -D -f /x [listener] 0 of 100-300 startups"),
        "16": ("net:[1]", "sshd: sshd -D -o PermitRootLogin=yes [listener] as somebody calls it"),
    }
    for name, (space, line) in lines.items():
        (tmp_path / name / "ns").mkdir(parents=True)
        (tmp_path / name / "ns/net").symlink_to(space)
        (tmp_path / name / "cmdline").write_text(line)
        (tmp_path / name / "exe").symlink_to("/usr/bin/python3" if name in ("self", "16") else "/usr/sbin/sshd")
    (tmp_path / "15").mkdir()
    assert listeners(tmp_path) == ["/usr/local/sbin/data-sshd -D -f /x", "/usr/sbin/sshd -D", "/usr/sbin/sshd -d -p 2222"]


def test_what_others_than_root_can_change_or_read_is_named() -> None:
    owned = {
        SSHD: [0, 0, 0o644],
        ACCESS: [0, 0, 0o666],
        "/etc/ssh/authorized_keys.d/suzuki": [3002, 3002, 0o644],
        "/etc/kakehashi/onward/suzuki/id_ed25519": [0, 3002, 0o640],
        "/etc/kakehashi/onward/kato/id_ed25519": [0, 3002, 0o640],
        "/etc/kakehashi/onward/sato/id_ed25519": [0, 3001, 0o644],
        "/etc/kakehashi/signing/id_ed25519": [0, 3001, 0o640],
        "/etc/kakehashi/signing/id_ed25519.pub": [0, 0, 0o644],
        "/var/lib/kakehashi-authority/user_ca": [0, 998, 0o644],
    }
    known = {"root": 0, "suzuki": 3002, "kato": 3004, "sato": 3001, "kakehashi-sign": 998}
    assert texts(modes_drift("h", owned, known)) == [
        f"h: PAM: {ACCESS}: others than root can change it: owner 0, mode 0666",
        "h: keys: /etc/ssh/authorized_keys.d/suzuki: others than root can change it: owner 3002, mode 0644",
        "h: keys: /etc/kakehashi/onward/kato/id_ed25519: others than kato can read it: group 3002, mode 0640",
        "h: keys: /etc/kakehashi/onward/sato/id_ed25519: others than sato can read it: group 3001, mode 0644",
        "h: keys: /etc/kakehashi/signing/id_ed25519: others than root can read it: group 3001, mode 0640",
        "h: keys: /var/lib/kakehashi-authority/user_ca: others than kakehashi-sign can read it: group 998, mode 0644",
    ]
    owned = {"/var/lib/kakehashi-authority/user_ca": [0, 998, 0o640], "/etc/kakehashi/signing/id_ed25519": [0, 0, 0o600]}
    assert texts(modes_drift("h", owned, known)) == []


def test_who_is_not_revoked_any_more_is_named() -> None:
    place = "mdx1: keys: /etc/ssh/kakehashi-revoked-keys"
    assert texts(revocations_drift("mdx1", ["sato@login1"], ["sato@login1"])) == []
    assert texts(revocations_drift("mdx1", [], None)) == [f"{place}: is missing or can't be read, so sshd refuses every key"]
    assert texts(revocations_drift("mdx1", ["sato@login1"], ["kato@login1"])) == [
        f"{place}: certificates named sato@login1 are not revoked",
        f"{place}: certificates named kato@login1 are revoked, and nobody declared that",
    ]


def test_the_list_of_revoked_certificates_is_read(tmp_path: Path) -> None:
    path = tmp_path / "revoked"
    assert effective._revoked(path) is None
    path.write_text("no list")
    assert effective._revoked(path) is None
    path.write_bytes(build(["ssh-ed25519 AAAA authority"], ["sato@login1"]))
    assert effective._revoked(path) == ["sato@login1"]


def test_files_in_homes_are_read_as_a_guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effective, "_HOMES", (f"{tmp_path}/",))
    secret = tmp_path / "secret"
    secret.write_text("PRIVATE")
    for name in ("own", "linked", "wide", "fifo", "long"):
        (tmp_path / name / ".ssh").mkdir(parents=True)
    uid = tmp_path.stat().st_uid
    (tmp_path / "own/.ssh/authorized_keys").write_text("ssh-ed25519 AAAA me\n")
    (tmp_path / "linked/.ssh/environment").symlink_to(secret)
    (tmp_path / "wide/.ssh").rmdir()
    (tmp_path / "wide/.ssh").symlink_to(tmp_path / "own/.ssh")
    os.mkfifo(tmp_path / "fifo/.ssh/rc")
    (tmp_path / "long/.ssh/rc").symlink_to("a" * 300)
    passwd = "".join(f"{n}:x:{uid}:{uid}::{tmp_path}/{n}:/bin/sh\n" for n in ("own", "linked", "wide", "fifo", "long", "none"))
    found = effective.read_homes(passwd)
    assert found[f"{tmp_path}/own/.ssh/authorized_keys"] == "ssh-ed25519 AAAA me\n"
    assert found[f"{tmp_path}/fifo/.ssh/rc"] == "# not read: it is not a file of the user's own\n"
    linked = {path: text for path, text in found.items() if "/own/" not in path and "/fifo/" not in path}
    assert linked
    assert all(text.startswith("# not read: ") for text in linked.values())
    other = effective.read_homes(f"own:x:{uid + 1}:{uid}::{tmp_path}/own:/bin/sh\nbroken\n")
    assert other[f"{tmp_path}/own/.ssh/authorized_keys"] == "# not read: it is not a file of the user's own\n"


def test_running_rulesets() -> None:
    assert texts(ruleset_drift("h", RULES, RULES)) == []
    assert texts(ruleset_drift("h", "", RULES)) == ["h: packet filter: /etc/nftables.conf: the layer is missing: no ruleset runs"]
    assert "after a reboot there is none" in texts(ruleset_drift("h", RULES, ""))[0]
    loosened = RULES.replace("\t\ttcp", "\t\taccept\n\t\ttcp")
    assert texts(ruleset_drift("h", loosened, RULES)) == ["h: packet filter: running ruleset:3: has 'accept'"]
    assert texts(ruleset_drift("h", RULES.replace("\t}\n", "\t}\n\n"), RULES)) == []


def test_switch_ports() -> None:
    wanted = {"p1": Port(2102), "p2": Port(2102), "up": Port(None, frozenset({2102, 2104}))}
    seen = {"p1": Port(2103), "p3": Port(0, EVERY_VLAN - {0}), "up": wanted["up"], "br0": Port(None, EVERY_VLAN)}
    assert texts(ports_drift("sw-mdx", wanted, seen)) == [
        "sw-mdx: switch: port p1: carries VLAN 2103 untagged, declared is VLAN 2102 untagged",
        "sw-mdx: switch: port p2: is missing; it is to carry VLAN 2102 untagged",
        "sw-mdx: switch: port p3: carries every VLAN and isn't declared",
    ]
    assert carried(Port(2, frozenset({4, 3}))) == "VLAN 2 untagged and VLANs 3, 4 tagged"
    assert carried(Port()) == "nothing"


@pytest.mark.parametrize(
    ("path", "layer"),
    [
        ("/etc/nftables.conf", "packet filter"),
        ("/etc/pam.d/sshd", "PAM"),
        ("/usr/local/sbin/kakehashi-break-glass", "PAM"),
        ("/usr/local/sbin/kakehashi-data-sets", "PAM"),
        (ACCESS, "PAM"),
        (SSHD, "sshd"),
        ("/etc/ssh/authorized_keys.d/sato", "keys"),
        ("/etc/systemd/system/kakehashi-data-sshd.service", "sshd"),
        ("/etc/systemd/network/20-kakehashi-hpc0.network", "network"),
    ],
)
def test_layers_of_files(path: str, layer: str) -> None:
    assert layer_of(path) == layer


def test_password_hashes_are_left_out() -> None:
    shadow = "root:*:19000\na:$y$j9T$secret:1\nb:!$6$secret:1\nc::1\nd:!:1\ne:!*:1\nshort\n"
    assert redacted_shadow(shadow) == "root:*:19000\na:$redacted$:1\nb:!$redacted$:1\nc::1\nd:!:1\ne:!*:1\nshort\n"


def test_drift_sorts_by_host() -> None:
    assert sorted([Drift("b", "x", "y", "z"), Drift("a", "x", "y", "z")])[0].host == "a"
