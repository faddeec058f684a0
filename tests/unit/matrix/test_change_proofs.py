from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from module_utils.fabric import access
from module_utils.fabric.model import Fabric
from module_utils.fabric.paths import paths
from module_utils.matrix.change_proofs import change_proofs, refused_logins
from module_utils.matrix.outcomes import MEANINGS
from tests.support.fabrics import generated_fabric
from tests.support.security_key import SecurityKey


def test_an_account_comes_from_its_login_server_and_strangers_knock_by_both_families(fabric: Fabric) -> None:
    found = change_proofs(fabric)["mdx1"]
    assert found["accounts"] == [{"login_server": "login1", "account": "sato"}]
    targets = [target for stranger in found["strangers"] for target in stranger["targets"]]
    assert targets == [{"address": "192.0.2.101", "port": 22}, {"address": "2001:db8:0:2102::41", "port": 22}]


def test_each_origin_is_asked_once_and_hosts_of_others_first(fabric: Fabric) -> None:
    for host, found in change_proofs(fabric).items():
        origins = [stranger["origin"] for stranger in found["strangers"]]
        assert len(origins) == len(set(origins)), host
    [stranger] = change_proofs(fabric)["intake1"]["strangers"]
    assert not fabric.hosts[stranger["origin"]].managed


def test_another_origin_stands_by_in_case_the_first_is_down(fabric: Fabric) -> None:
    found = change_proofs(fabric)["mdx1"]
    [first], [second] = found["strangers"], found["other_strangers"]
    assert first["origin"] != second["origin"]
    assert first["targets"] == second["targets"]


def test_whoever_observes_is_not_tried(fabric: Fabric) -> None:
    assert set(change_proofs(fabric)) == {host.name for host in fabric.managed_hosts}


def test_an_account_comes_to_the_login_server_with_its_own_key(fabric: Fabric) -> None:
    [way] = change_proofs(fabric)["login1"]["own_logins"]
    assert (way["origin"], way["account"]) == ("inst-a1", "sato")
    assert way["plan"]["endpoints"] == [["login1", "192.0.2.10", 22], ["login1", "2001:db8:0:2101::10", 22]]
    assert change_proofs(fabric)["mdx1"]["own_logins"] == []


def test_who_is_asked_for_a_code_goes_as_far_as_the_question(fabric: Fabric) -> None:
    [plain] = change_proofs(fabric)["login1"]["own_logins"]
    [asked] = change_proofs(replace(fabric, second_factor="totp"))["login1"]["own_logins"]
    assert (plain["plan"]["asked"], asked["plan"]["asked"]) == ([], ["sato"])


def test_nobody_is_tried_who_must_show_a_security_key(fabric: Fabric) -> None:
    key = SecurityKey().public
    hard = {name: replace(account, keys=(key,)) for name, account in fabric.accounts.items()}
    asking = replace(fabric, second_factor="totp", accounts={**fabric.accounts, "sato": hard["sato"]})
    [way] = change_proofs(asking)["login1"]["own_logins"]
    assert way["account"] == "suzuki"
    assert change_proofs(replace(asking, accounts=hard))["login1"]["own_logins"] == []
    [way] = change_proofs(replace(fabric, accounts=hard))["login1"]["own_logins"]  # nothing is asked for
    assert way["account"] == "sato"


def test_a_signer_is_asked_from_each_login_server(fabric: Fabric) -> None:
    assert change_proofs(fabric)["ca1"]["certificates"] == [{"login_server": "login1", "account": "sato"}]
    assert change_proofs(fabric)["login1"]["certificates"] == []


def test_nothing_is_tried_by_way_of_login_servers_that_a_run_does_without(fabric: Fabric) -> None:
    found = change_proofs(fabric, ["login1"])
    assert (found["mdx1"]["accounts"], found["ca1"]["certificates"]) == ([], [])
    assert found["mdx1"]["strangers"] == change_proofs(fabric)["mdx1"]["strangers"]


DATA = [{"address": "192.0.2.72", "port": 2022}, {"address": "2001:db8:0:2102::12", "port": 2022}]


def test_strangers_knock_at_the_data_port_as_well(fabric: Fabric) -> None:
    [stranger], [other] = (change_proofs(fabric)["data1"][part] for part in ("strangers", "other_strangers"))
    assert stranger["targets"] == [{**place, "port": port} for port in (22, 2022) for place in DATA]
    assert {target["port"] for target in other["targets"]} == {22, 2022}
    assert stranger["origin"] != other["origin"]


def test_who_may_come_to_data_does_not_knock_there(fabric: Fabric) -> None:
    for host in ("data1", "data2"):
        for part in ("strangers", "other_strangers"):
            asked = {stranger["origin"] for stranger in change_proofs(fabric)[host][part]}
            assert asked.isdisjoint(fabric.groups["mdx_nodes"]), host


def test_an_account_reads_data_from_a_node_that_it_may_log_in_to(fabric: Fabric) -> None:
    first, second = change_proofs(fabric)["data1"]["data_logins"]
    assert first == {"login_server": "login1", "account": "sato", "node": "mdx1", "endpoints": DATA}
    assert second == {**first, "node": "mdx2"}
    assert [way["account"] for way in change_proofs(fabric)["data2"]["data_logins"]] == ["suzuki", "suzuki"]
    assert "data_logins" not in change_proofs(fabric)["mdx1"]


def test_only_accounts_that_are_marked_log_in_and_others_are_asked_about(fabric: Fabric) -> None:
    unmarked = {name: replace(account, probe=False) for name, account in fabric.accounts.items()}
    found = change_proofs(replace(fabric, accounts=unmarked))["data1"]
    assert found["data_logins"] == []
    assert [(way["origin"], way["account"]) for way in found["data_origins"]] == [("mdx1", "sato"), ("mdx2", "sato")]
    assert found["data_origins"][0]["endpoints"] == DATA


def test_the_host_is_asked_about_each_account_by_both_families(fabric: Fabric) -> None:
    answers = change_proofs(fabric)["data1"]["data_answers"]
    assert {answer["user"] for answer in answers} == {"sato", "suzuki", "kato"}
    assert len(answers) == 6
    assert {"user": "suzuki", "address": "192.0.2.101"} in answers


def test_without_login_servers_nobody_has_a_key_for_data(fabric: Fabric) -> None:
    found = change_proofs(fabric, ["login1"])["data1"]
    assert (found["data_logins"], found["data_origins"], found["data_answers"]) == ([], [], [])
    assert found["strangers"] == change_proofs(fabric)["data1"]["strangers"]


def test_people_who_may_do_the_same_are_worked_out_once_however_many_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    large = generated_fabric(1000)
    hosts = {name: replace(host, enforce=name == "data1") for name, host in large.hosts.items()}
    accounts = {name: replace(account, probe=True) for name, account in large.accounts.items()}
    large = replace(large, hosts=hosts, accounts=accounts)
    arriving = [path for flow in large.flows_to(hosts["data1"], access.DATA) for path in paths(large, flow)]
    groups = len(access.alike(large))
    calls: Counter[str] = Counter()

    def counted(name: str) -> None:
        asked = getattr(access, name)

        def count(*words: Any) -> Any:
            calls[name] += 1
            return asked(*words)

        monkeypatch.setattr(access, name, count)

    for name in ("computes_on", "declared_data", "declared_logins"):
        counted(name)
    found = change_proofs(large)["data1"]
    first, second = found["data_logins"]
    assert (first["login_server"], second["login_server"], first["node"] == second["node"]) == ("login1", "login2", False)
    assert len(found["data_answers"]) == 2 * len(accounts)
    assert len(accounts) > 10 * groups, "nothing is saved where nobody is alike"
    assert calls["declared_data"] == groups
    assert calls["computes_on"] <= groups * len(arriving)
    assert calls["declared_logins"] <= 2, "the first two nodes are as good as any"


def test_logins_in_vain_are_told() -> None:
    made = [
        ["tcp", "", ["login1", "192.0.2.10", 22], None, "connected", ""],
        ["ssh", "sato", ["login1", "192.0.2.10", 22], None, "admitted", ""],
        ["ssh", "sato", ["login1", "2001:db8::1", 22], None, "auth-denied", "Permission denied (publickey)."],
        ["sftp", "sato", ["login1", "192.0.2.10", 22], None, "session-denied", ""],
    ]
    assert refused_logins([{"made": made}, {"unreachable": True}]) == [
        "sato at 2001:db8::1: sshd took none of the keys (Permission denied (publickey).)"
    ]


@pytest.mark.parametrize("code", sorted({*MEANINGS, "of another version"}))
def test_only_an_admitted_login_is_not_in_vain(code: str) -> None:
    refused = refused_logins([{"made": [["ssh", "sato", ["login1", "192.0.2.10", 22], None, code, "words"]]}])
    assert bool(refused) is (code not in ("admitted", "code-asked")), refused


def test_logins_in_vain_are_told_in_one_order_whichever_ended_first() -> None:
    made = [
        ["ssh", user, ["login1", address, 22], None, "auth-denied", "no"]
        for user in ("sato", "kato")
        for address in ("2001:db8::1", "192.0.2.10")
    ]
    said = [
        f"{user} at {address}: sshd took none of the keys (no)"
        for user, address in (
            ("kato", "192.0.2.10"),
            ("kato", "2001:db8::1"),
            ("sato", "192.0.2.10"),
            ("sato", "2001:db8::1"),
        )
    ]
    assert refused_logins([{"made": made}]) == refused_logins([{"made": made[::-1]}]) == said
