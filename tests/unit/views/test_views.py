"""What the fabric means for one host."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from module_utils.fabric.model import Fabric
from module_utils.fabric.views import View, host_view, host_views
from plugin_utils.render import stand_in


@pytest.fixture(scope="module")
def views(fabric: Fabric) -> dict[str, View]:
    return host_views(fabric)


def test_views_are_plain_data_and_the_same_one_by_one(fabric: Fabric, views: dict[str, View]) -> None:
    assert json.loads(json.dumps(views)) == views
    assert {name: host_view(fabric, host) for name, host in fabric.hosts.items()} == views


def test_a_foreign_host_gets_nothing_but_its_interfaces(views: dict[str, View]) -> None:
    assert set(views["flow-n1"]) == {"name", "site", "groups", "managed", "segment_interface"}


@pytest.mark.parametrize(
    ("host", "roles"),
    [
        (
            "login1",
            {
                "base",
                "packet_filter",
                "session_recording",
                "login_restriction",
                "login_server",
                "onward_certificates",
                "log_forwarding",
            },
        ),
        ("ca1", {"base", "packet_filter", "session_recording", "login_restriction", "certificate_authority", "log_forwarding"}),
        ("flow-gw1", {"base", "packet_filter", "session_recording", "login_restriction", "gateway", "log_forwarding"}),
        ("data1", {"base", "packet_filter", "session_recording", "login_restriction", "data_server", "log_forwarding"}),
        ("mdx1", {"base", "packet_filter", "session_recording", "login_restriction", "log_forwarding"}),
        ("log1", {"base", "packet_filter", "session_recording", "login_restriction", "log_server"}),
    ],
)
def test_each_managed_host_gets_its_roles(views: dict[str, View], host: str, roles: set[str]) -> None:
    extra = {"name", "site", "groups", "managed", "segment_interface", "host_certificate"}
    assert set(views[host]) - extra == roles
    assert set(extra) <= set(views[host])


def test_a_host_is_certified_for_what_it_is_reached_by(fabric: Fabric, views: dict[str, View]) -> None:
    node = views["mdx1"]["host_certificate"]
    assert node == {"principals": ["mdx1", "192.0.2.101", "2001:db8:0:2102::41"], "signers": ["ca1"], "days": 90, "known": []}
    assert {"mdx1", "192.0.2.101", "ca1", "data1"} <= set(views["login1"]["host_certificate"]["known"])
    assert {"inst-a1", "sw-nii", "203.0.113.2"}.isdisjoint(views["login1"]["host_certificate"]["known"])
    entrance = views["login1"]["host_certificate"]["principals"]
    assert {"login1", "192.0.2.10"} <= set(entrance)
    assert views["mdx1"]["login_restriction"]["host_certificates"] == ["/etc/ssh/ssh_host_ed25519_key-cert.pub"]
    observing = host_view(fabric, replace(fabric.hosts["mdx1"], enforce=False))
    assert "host_certificate" not in observing
    assert observing["login_restriction"]["host_certificates"] == []
    without = host_views(replace(fabric, identity=None, flows=tuple(f for f in fabric.flows if f.service != "sign")))
    assert not any("host_certificate" in view for view in without.values())


def test_recording_can_be_left_off_for_a_host(fabric: Fabric, views: dict[str, View]) -> None:
    assert {u["name"]: u["recorded"] for u in views["login1"]["base"]["users"]}["sato"]
    off = host_view(fabric, replace(fabric.hosts["login1"], record_sessions=False))
    assert "session_recording" not in off
    assert off["login_restriction"]["recorded"] == []
    assert not any(user["recorded"] for user in off["base"]["users"])


def test_accounts_are_recorded_on_login_servers_and_operators_everywhere(views: dict[str, View]) -> None:
    assert views["login1"]["login_restriction"]["recorded"] == ["operator", "account"]
    for name in ("mdx1", "ca1", "log1"):
        assert views[name]["login_restriction"]["recorded"] == ["operator"]
        assert [u["name"] for u in views[name]["base"]["users"] if u["recorded"] and not u["admin"]] == []


def test_a_node_accepts_ssh_from_the_login_server_only(views: dict[str, View]) -> None:
    assert views["mdx1"]["packet_filter"]["input"] == [
        {
            "interface": "hpc0",
            "addresses": ["192.0.2.70", "2001:db8:0:2102::10"],
            "service": "ssh",
            "protocol": "tcp",
            "port": 22,
        }
    ]


def test_a_gateway_forwards_each_flow_between_its_own_ends(views: dict[str, View]) -> None:
    rules = views["flow-gw1"]["packet_filter"]["forward"]
    assert [(r["in"], r["out"], r["port"]) for r in rules] == [("fgw0", "hpc0", 2022), ("hpc0", "fgw0", 22)]
    assert rules[0]["to"] == ["192.0.2.72", "192.0.2.82", "2001:db8:0:2102::12", "2001:db8:0:2102::22"]
    assert all(rule["from"] and rule["to"] for rule in rules)


def test_both_ends_of_a_routed_flow_get_routes_through_the_gateway(views: dict[str, View]) -> None:
    def routes(host: str) -> list[dict[str, str]]:
        return [r for i in views[host]["segment_interface"]["interfaces"] for r in i["routes"]]

    assert {"to": "198.51.100.128/26", "via": "192.0.2.90"} in routes("data1")
    assert {"to": "2001:db8:0:2102::/64", "via": "2001:db8:0:2107::30"} in routes("flow-n1")
    assert routes("mdx1") == []
    assert routes("flow-n3") == []


def test_own_keys_open_login_servers_and_certificates_the_rest(views: dict[str, View]) -> None:
    entrance = {u["name"]: u["onward"] for u in views["login1"]["login_restriction"]["users"]}
    node = {u["name"]: u["onward"] for u in views["mdx1"]["login_restriction"]["users"]}
    assert entrance["sato"] is False
    assert node == {"aoki": False, "ueda": False, "breakglass": False, "sato": False, "suzuki": False}
    assert views["mdx1"]["login_restriction"]["signers"] == ["ca1"]
    assert views["login1"]["login_restriction"]["signers"] == views["data1"]["login_restriction"]["signers"] == []
    assert all(a["onward"] for a in views["data1"]["data_server"]["accounts"])


def test_a_signer_serves_login_servers_for_their_accounts_and_addresses(views: dict[str, View]) -> None:
    (client,) = views["ca1"]["certificate_authority"]["clients"]
    assert client["asks_from"] == ["192.0.2.200", "2001:db8:0:2104::10"]
    assert client["sources"] == ["192.0.2.70", "2001:db8:0:2102::10"]
    assert client["accounts"] == ["sato", "suzuki", "tanaka", "kato"]
    assert [t["name"] for t in views["login1"]["onward_certificates"]["targets"]] == ["compute1", "mdx1", "mdx2"]


def test_certificates_of_who_left_are_revoked_wherever_they_were_asked_for(fabric: Fabric) -> None:
    gone = replace(fabric.accounts["suzuki"], state="absent")
    found = host_views(replace(fabric, accounts={**fabric.accounts, "suzuki": gone}))
    assert found["mdx1"]["login_restriction"]["revoked"] == ["suzuki@login1"]
    assert found["data1"]["login_restriction"]["revoked"] == []


def logins_of(fabric: Fabric, host: str) -> tuple[dict[str, tuple[int, int]], list[str]]:
    """Return how many keys and authorities operators have on a host, and which of their certificates are revoked there."""
    found = host_view(fabric, fabric.hosts[host])["login_restriction"]
    people = [u for u in found["users"] if u["kind"] == "operator"]
    return {u["name"]: (len(u["keys"]), len(u["authorities"])) for u in people}, found["revoked"]


@pytest.mark.parametrize("host", ["login1", "ca1", "mdx1", "data1", "flow-gw1", "log1"])
def test_operators_come_by_certificates_to_every_host_and_a_sealed_one_by_key(fabric: Fabric, host: str) -> None:
    keyed = replace(fabric, operators={n: replace(o, keys=(stand_in(n),)) for n, o in fabric.operators.items()})
    assert logins_of(keyed, host) == ({"aoki": (1, 0), "ueda": (1, 0), "breakglass": (1, 0)}, [])
    beside = replace(keyed, operator_authorities=(stand_in("a"), stand_in("b")), revoked_certificates=("lost",))
    assert logins_of(beside, host) == ({"aoki": (1, 2), "ueda": (1, 2), "breakglass": (1, 0)}, ["lost"])
    alone = replace(beside, operator_keys=False)
    # A probe's key lies in a file, for automation.
    assert logins_of(alone, host)[0] == {"aoki": (0, 2), "ueda": (1, 2), "breakglass": (1, 0)}
    observing = replace(alone, hosts={n: replace(h, enforce=False) for n, h in alone.hosts.items()})
    assert logins_of(observing, host) == ({"aoki": (1, 0), "ueda": (1, 0), "breakglass": (1, 0)}, [])


def test_people_who_lost_their_place_are_removed(views: dict[str, View]) -> None:
    states = {u["name"]: u["state"] for u in views["mdx1"]["base"]["users"]}
    assert states == {
        "aoki": "present",
        "ueda": "present",
        "breakglass": "present",
        "sato": "present",
        "suzuki": "present",
        "tanaka": "absent",
        "kato": "absent",
    }


def test_a_login_server_lets_operators_jump_to_declared_targets(views: dict[str, View]) -> None:
    targets = views["login1"]["login_restriction"]["jump_targets"]
    assert "192.0.2.101:22" in targets
    assert "[2001:db8:0:2102::41]:22" in targets
    assert views["mdx1"]["login_restriction"]["jump_targets"] == []


def test_a_login_server_names_the_targets_of_each_account(views: dict[str, View]) -> None:
    targets = {t["name"]: t["accounts"] for t in views["login1"]["login_server"]["targets"]}
    assert targets == {
        "compute1": ["kato", "sato", "suzuki"],
        "mdx1": ["sato", "suzuki"],
        "mdx2": ["sato", "suzuki"],
    }


def test_data_accounts_are_bound_to_the_places_they_compute_at(views: dict[str, View]) -> None:
    accounts = {a["name"]: a["sources"] for a in views["data2"]["data_server"]["accounts"]}
    assert accounts == {
        "suzuki": ["192.0.2.101", "192.0.2.102", "2001:db8:0:2102::41", "2001:db8:0:2102::42"],
        "tanaka": ["198.51.100.141", "198.51.100.142", "2001:db8:0:2107::31", "2001:db8:0:2107::32"],
    }


def test_accounts_processes_reach_what_is_theirs(views: dict[str, View]) -> None:
    entrance = views["login1"]["packet_filter"]
    assert entrance["confined"] == [3001, 3002, 3003, 3004]
    assert not entrance["confined_loopback"]
    nodes = ["192.0.2.71", "192.0.2.101", "192.0.2.102", "2001:db8:0:2102::11", "2001:db8:0:2102::41", "2001:db8:0:2102::42"]
    ssh = {"interface": "hpc0", "service": "ssh", "protocol": "tcp", "port": 22}
    assert entrance["confined_output"] == [
        {"users": [3001, 3002], "addresses": nodes, **ssh},
        {"users": [3004], "addresses": ["192.0.2.71", "2001:db8:0:2102::11"], **ssh},
    ]
    node = views["mdx1"]["packet_filter"]
    assert node["confined_loopback"]
    assert {(rule["service"], *rule["users"]) for rule in node["confined_output"]} == {("data", 3001), ("data", 3002)}
    assert views["storage1"]["packet_filter"]["confined_output"] == []
    assert views["storage1"]["packet_filter"]["confined"] == entrance["confined"]


def test_only_institutions_are_slowed_down(views: dict[str, View]) -> None:
    rates = {name: view["packet_filter"]["input_rates"] for name, view in views.items() if view["managed"]}
    institutions = ["192.0.2.21", "192.0.2.22", "2001:db8:0:2101::21", "2001:db8:0:2101::22"]
    rule = {"interface": "inst0", "addresses": institutions, "service": "ssh", "port": 22}
    assert {name: found for name, found in rates.items() if found} == {"login1": [rule]}


def test_a_log_server_takes_what_is_declared_to_be_sent(views: dict[str, View]) -> None:
    assert views["mdx1"]["log_forwarding"] == {"server": "log1", "port": 19532}
    senders = [name for name, view in views.items() if "log_forwarding" in view]
    assert views["log1"]["log_server"] == {"port": 19532, "senders": sorted(senders), "break_glass": ["breakglass"]}
    assert set(senders) == {name for name, view in views.items() if view["managed"]} - {"log1"}
