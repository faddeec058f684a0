"""The proof over the twin's rendered artefacts: it holds, and each loosened or missing line is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from module_utils.fabric.model import Fabric
from module_utils.proof.authorities import POLICY
from module_utils.proof.findings import Finding, Proof
from module_utils.proof.layer2 import Port
from module_utils.proof.prove import prove
from module_utils.proof.world import Artefacts
from plugin_utils.inventory import load_fabric
from plugin_utils.proof_run import as_json, main, report, with_keys
from plugin_utils.render import render_fabric

ROOT = Path(__file__).resolve().parents[3]
NFT, SSHD, PAM, ACCESS = "/etc/nftables.conf", "/etc/ssh/sshd_config", "/etc/pam.d/sshd", "/etc/security/access.conf"
DATA, DATA_KEYS = "/etc/ssh/sshd_config_data", "/etc/ssh/authorized_keys_data.d"


@cache
def twin() -> tuple[Fabric, Artefacts]:
    fabric = with_keys(load_fabric(ROOT / "inventories" / "twin"))
    return fabric, render_fabric(fabric)


def proof_with(host: str, path: str, change: Callable[[str], str]) -> Proof:
    fabric, artefacts = twin()
    before = artefacts.hosts[host].get(path, "")
    after = change(before)
    assert after != before, "the mutation changes nothing"
    files = {**artefacts.hosts[host], path: after}
    return prove(fabric, Artefacts({**artefacts.hosts, host: files}, artefacts.switches))


def kinds(proof: Proof, host: str) -> set[str]:
    return {f.kind for f in proof.findings if f.host == host}


def test_the_twin_as_rendered() -> None:
    proof = prove(*twin())
    assert [str(f) for f in proof.findings] == []
    assert proof.holds
    assert proof.declared == proof.admitted > 50
    assert proof.summary() == f"{proof.declared} pairs declared, {proof.admitted} admitted, 0 extra, 0 missing"


def swap(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)


def drop(part: str) -> Callable[[str], str]:
    """Delete the first line that holds ``part``."""

    def change(text: str) -> str:
        lines = text.split("\n")
        del lines[next(i for i, line in enumerate(lines) if part in line)]
        return "\n".join(lines)

    return change


def add(line: str) -> Callable[[str], str]:
    return lambda text: text + line


LOOSENED = [
    ("mdx1", NFT, swap("ip saddr { 192.0.2.70 } tcp dport 22", "tcp dport 22"), "open_port", "tcp dport 22 accept"),
    ("mdx1", NFT, swap("ip saddr { 192.0.2.70 }", "ip saddr { 192.0.2.64/26 }"), "open_port", "192.0.2.64/26"),
    ("mdx1", NFT, swap("counter drop", "counter accept"), "open_port", "counter accept"),
    ("mdx1", NFT, lambda t: t.replace("counter drop", "").replace("policy drop", "policy accept"), "calls_out", "policy"),
    ("mdx1", NFT, swap('iifname "lo" accept', 'iifname "h*" accept'), "open_port", 'iifname "h*" accept'),
    ("login1", NFT, drop("fib daddr"), "open_port", "by inst0 to the addresses of other interfaces"),
    ("login1", NFT, swap("iif type != { local,", "iif type != { unicast, local,"), "open_port", "of other interfaces"),
    ("mdx1", NFT, drop('saddr { 192.0.2.70 }'), "missing_login", "packet filter refuses 192.0.2.70"),
    ("mdx1", NFT, drop("saddr { 2001:db8"), "missing_login", "packet filter refuses 2001:db8"),
    ("mdx1", NFT, drop("ct state established"), "closed_flow", "no replies"),
    ("login1", NFT, drop('        oifname "hpc0" ip daddr'), "closed_flow", "on the way out by hpc0"),
    ("login1", NFT, drop("jump confined"), "account_calls_out", "from any address (ipv6) by lo"),
    ("login1", NFT, drop("meta skuid 100000"), "account_calls_out", "as subordinate numbers"),
    ("login1", NFT, drop("meta skuid { 3001, 3002 }"), "closed_flow", "as sato, suzuki, from 192.0.2.71"),
    ("login1", NFT, swap("jump confined", 'oifname "hpc0" jump confined'), "account_calls_out", "by lo, by other protocols"),
    ("login1", NFT, swap("skuid { 3001, 3002 } oif", "skuid { 3001, 3002, 3003 } oif"), "account_calls_out", "as tanaka"),
    ("login1", NFT, swap("skuid { 3001, 3002, ", "skuid { 3001, 4000-4999, "), "account_calls_out", "as suzuki"),
    ("login1", NFT, swap('oifname "lo" accept', 'meta skuid "sato" accept'), "calls_out", 'meta skuid "sato" accept'),
    ("mdx1", NFT, swap('oifname "lo" tcp dport 1024-65535', 'oifname "lo" tcp dport 1-65535'), "account_calls_out", "by tcp"),
    ("mdx1", NFT, add("\ntable netdev x { }\n"), "cannot_prove", "family inet"),
    ("mdx1", SSHD, drop("AllowUsers sato@192"), "missing_login", "sshd_config refuses"),
    ("mdx1", SSHD, swap("AllowUsers", "AllowUsers *\nAllowUsers"), "missing_layer", "AllowUsers *"),
    ("mdx1", SSHD, swap("AllowUsers sato@192.0.2.70", "AllowUsers sato@192.0.2.0/24"), "missing_layer", "sato@192.0.2.0/24"),
    ("mdx1", SSHD, add("Match User sato\n    AllowUsers sato\n"), "missing_layer", "AllowUsers sato"),
    ("mdx1", SSHD, swap("UsePAM yes", "UsePAM no"), "missing_layer", "UsePAM"),
    ("mdx1", SSHD, drop("AuthorizedKeysFile"), "missing_layer", "puts into /home/"),
    ("mdx1", SSHD, swap("UseDNS no", "UseDNS yes"), "cannot_prove", "UseDNS"),
    ("mdx1", SSHD, swap("Port 22", "Include /etc/ssh/sshd_config.d/*.conf\nPort 22"), "cannot_prove", "Include"),
    ("mdx1", SSHD, swap("Port 22", "Port 2222"), "missing_login", "no sshd listens on port 22"),
    ("mdx1", SSHD, swap("DisableForwarding yes", "DisableForwarding no\nX11Forwarding yes"), "forwards", "x11forwarding"),
    ("mdx1", SSHD, lambda t: t.replace("DisableForwarding yes", "").replace("AllowTcpForwarding no", "")
     .replace("PermitOpen none", ""), "forwards", "allowtcpforwarding"),
    ("login1", SSHD, swap("    PermitOpen ", "    PermitOpen 192.0.2.133:22 "), "forwards", "192.0.2.133:22"),
    ("login1", SSHD, drop("Match User"), "forwards", "no jump"),
    ("mdx1", ACCESS, lambda t: t.rstrip("\n"), "missing_layer", "no line matches"),
    ("mdx1", ACCESS, drop("-:ALL:ALL"), "missing_layer", "no line matches"),
    ("mdx1", ACCESS, swap("-:ALL:ALL", "-:ALL ALL"), "missing_layer", "no line matches"),
    ("mdx1", ACCESS, swap("-:ALL:ALL", "+:root:ALL\n-:ALL:ALL"), "missing_layer", "+:root:ALL"),
    ("mdx1", ACCESS, drop("+:sato"), "missing_login", "PAM refuses"),
    ("mdx1", PAM, drop("pam_access.so"), "missing_layer", "rest on pam_access"),
    ("mdx1", PAM, swap("[success=ok default=die]  pam_access.so", "optional pam_access.so"), "missing_layer", "pam_access"),
    ("mdx1", PAM, add("account include more\n"), "cannot_prove", "nothing is known"),
    ("mdx1", "/etc/ssh/authorized_keys.d/aoki", swap('from="192.0.2.70,', 'from="192.0.2.0/24,'), "missing_layer", "aoki:1"),
    ("mdx1", "/etc/ssh/authorized_keys.d/aoki", lambda _: "", "missing_login", "no key opens"),
    ("mdx1", SSHD, drop("TrustedUserCAKeys /etc"), "missing_login", "no key opens"),
    ("data1", f"{DATA_KEYS}/sato", swap('from="', 'from="192.0.2.0/24,'), "missing_layer", "sato:1"),
    ("data1", f"{DATA_KEYS}/sato", lambda _: "", "missing_login", "no key opens"),
    ("mdx1", "/etc/passwd", drop("sato:"), "missing_login", "doesn't exist"),
    ("mdx1", "/etc/passwd", lambda _: "broken\n", "cannot_prove", "fields"),
    ("mdx1", "/etc/systemd/network/20-kakehashi-hpc0.network", drop("Address=192"), "missing_login", "doesn't have"),
    ("data1", "/etc/systemd/network/20-kakehashi-hpc0.network", drop("Gateway=192"), "missing_login", "no route"),
    ("flow-gw1", NFT, swap("ip daddr { 192.0.2.72, 192.0.2.82 } tcp dport 2022", "tcp dport 2022"), "passes_on", "2022"),
    ("flow-gw1", NFT, swap("ip saddr { 198.51.100.141, 198.51.100.142 }", "ip saddr 198.51.100.0/24"), "passes_on", "100.0/24"),
    ("flow-gw1", "/etc/kakehashi/forwarding.conf", swap("ipv4/conf/fgw0/forwarding = 1", "x = 1"), "", ""),
    ("data1", DATA, swap("Port 2022", "Port 2022\nPort 22022"), "missing_layer", "port 22022"),
    ("data1", "/etc/security/access-data.conf", drop("-:ALL:ALL"), "missing_layer", "no line matches"),
    ("data1", "/etc/systemd/system/kakehashi-data-sshd.service", swap("/usr/local/sbin/kakehashi-data-sshd", "/usr/sbin/sshd"),
     "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("host", "path", "change", "kind", "words"), LOOSENED)
def test_a_changed_line_is_named(host: str, path: str, change: Callable[[str], str], kind: str, words: str) -> None:
    proof = proof_with(host, path, change)
    if not kind:  # it shows at the hosts behind
        assert proof.missing > 0
        return
    told = [str(f) for f in proof.findings if f.kind == kind and f.host == host]
    assert any(words in text for text in told), [str(f) for f in proof.findings][:8]
    assert not proof.holds


def test_all_layers_open_is_an_extra_login_with_its_origin() -> None:
    fabric, artefacts = twin()
    files = dict(artefacts.hosts["mdx1"])
    files[NFT] = files[NFT].replace("ip saddr { 192.0.2.70 } tcp dport 22", "tcp dport 22")
    files[SSHD] = files[SSHD].replace("AllowUsers sato@192.0.2.70", "AllowUsers sato@192.0.2.0/24")
    files[ACCESS] = files[ACCESS].replace("+:sato:192.0.2.70", "+:sato:192.0.2.0/24")
    signer = dict(artefacts.hosts["ca1"])
    signer[POLICY] = signer[POLICY].replace('"192.0.2.70"', '"192.0.2.70", "192.0.2.71"')
    proof = prove(fabric, Artefacts({**artefacts.hosts, "mdx1": files, "ca1": signer}, artefacts.switches))
    extra = [f for f in proof.findings if f.kind == "extra_login"]
    assert extra
    text = " ".join(map(str, extra))
    assert all(word in text for word in ("sato", "192.0.2.71", "compute1", "nftables.conf:", "AllowUsers", "access.conf:"))
    assert proof.extra > 0
    assert "other finding" in proof.summary()


def with_ports(changes: Mapping[tuple[str, str], Port]) -> list[Finding]:
    fabric, artefacts = twin()
    switches = {name: dict(ports) for name, ports in artefacts.switches.items()}
    for (switch, port), value in changes.items():
        switches[switch][port] = value
    return prove(fabric, Artefacts(artefacts.hosts, switches)).findings


def test_a_port_in_another_vlan_is_named() -> None:
    found = with_ports({("sw-mdx", "p1"): Port(2101)})
    assert any(f.kind == "missing_login" and f.host == "mdx1" and "switches" in f.reason for f in found)
    assert any(f.kind == "layer2" and "segment hpc is in 2 pieces" in f.reason for f in found)


def test_a_trunk_with_a_vlan_too_many_or_too_few_is_named() -> None:
    leak = with_ports({("sw-mdx", "up"): Port(None, frozenset({2101, 2102, 2104}))})
    assert [f.kind for f in leak] == ["layer2"]
    assert "sw-mdx up passes VLAN 2101" in leak[0].reason
    joined = with_ports(
        {
            ("sw-mdx", "up"): Port(None, frozenset({2101, 2102, 2104})),
            ("sw-sinet", "mdx"): Port(2101, frozenset({2102, 2104})),
            ("sw-mdx", "p1"): Port(2102, frozenset({2101})),
        }
    )
    assert any("lets mdx1 into VLAN 2101 too" in f.reason for f in joined)
    cut = with_ports({("sw-mdx", "up"): Port(None, frozenset({2104}))})
    assert any(f.kind == "missing_login" and f.host == "mdx1" for f in cut)
    merged = with_ports(
        {
            ("sw-nii", "up"): Port(2101, frozenset({2102, 2104, 2105})),
            ("sw-sinet", "nii"): Port(2102, frozenset({2101, 2104, 2105})),
        }
    )
    assert any("one broadcast domain holds" in f.reason for f in merged)


def test_a_host_without_artefacts_is_told() -> None:
    fabric, artefacts = twin()
    hosts = {name: files for name, files in artefacts.hosts.items() if name != "mdx1"}
    proof = prove(fabric, Artefacts(hosts, artefacts.switches))
    assert kinds(proof, "mdx1") == {"cannot_prove"}
    assert proof.admitted < proof.declared


def test_a_closed_flow_between_others_is_told() -> None:
    proof = proof_with("storage1", NFT, drop("dport 2049"))
    assert any(f.kind == "closed_flow" and f.service == "nfs" for f in proof.findings)
    shut = proof_with("login1", NFT, lambda t: t.replace('oifname "mgmt0"', 'oifname "none"'))
    assert any(f.kind == "closed_flow" and f.service == "ssh" and "on the way out" in f.reason for f in shut.findings)


@pytest.mark.parametrize("own", ["mdx1", "mdx2"])
def test_a_rule_that_asks_for_the_hosts_own_address_opens_that_host_alone(own: str) -> None:
    fabric, artefacts = twin()
    address = next(str(a.ipv4) for a in fabric.hosts[own].attachments)
    rule = f"ip saddr {address} ip daddr 198.51.100.250 tcp dport 4444 accept"
    text = artefacts.hosts["mdx1"][NFT]
    assert text == artefacts.hosts["mdx2"][NFT], "both share one ruleset, and its answers"
    changed = text.replace(
        "type filter hook output priority filter; policy drop;", f"type filter hook output priority filter; policy drop;\n{rule}"
    )
    assert changed != text
    files = {name: {**artefacts.hosts[name], NFT: changed} for name in ("mdx1", "mdx2")}
    proof = prove(fabric, Artefacts({**artefacts.hosts, **files}, artefacts.switches))
    assert {f.host for f in proof.findings if "4444" in f.service} == {own}


def test_observing_isnt_enforcing() -> None:
    fabric, artefacts = twin()
    hosts = {n: replace(h, enforce=h.name != "mdx1") for n, h in fabric.hosts.items()}
    relaxed = render_fabric(replace(fabric, hosts=hosts))
    proof = prove(fabric, Artefacts({**artefacts.hosts, "mdx1": relaxed.hosts["mdx1"]}, artefacts.switches))
    assert "open_port" in kinds(proof, "mdx1")


def test_the_report_and_its_data() -> None:
    proof = proof_with("mdx1", ACCESS, drop("-:ALL:ALL"))
    assert "mdx1: a layer doesn't refuse alone, layer PAM" in report(proof)
    assert as_json(proof)["holds"] is False
    many = Proof([Finding("layer2", "s", str(i)) for i in range(300)])
    assert "and 100 more" in report(many)
    assert main([str(ROOT / "no-such")]) == 2


def test_a_result_is_for_its_owner_only(tmp_path: Path) -> None:
    place = tmp_path / "evidence/proof.json"
    assert main([str(ROOT / "inventories/twin"), "--json", str(place)]) == 0
    assert (place.parent.stat().st_mode & 0o777, place.stat().st_mode & 0o777) == (0o700, 0o600)
    assert [path.name for path in place.parent.iterdir()] == ["proof.json"]


def test_a_result_that_cannot_be_written_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "evidence").write_text("a file, where a directory is wanted")
    place = tmp_path / "evidence/proof.json"
    assert main([str(ROOT / "inventories/twin"), "--json", str(place)]) == 2
    assert capsys.readouterr().err.startswith(f"{place}: can't be written (")
