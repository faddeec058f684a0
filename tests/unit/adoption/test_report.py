from __future__ import annotations

import json
from typing import Any

import pytest

from module_utils.adoption import observed, report, words
from module_utils.adoption.changes import WantedFile, file_changes, role_of
from module_utils.adoption.tables import WIDTH, table
from module_utils.fabric.model import Fabric

FILE = WantedFile("packet_filter", "/etc/nftables.conf", "new\n")
NOW = 1_795_450_000


def found(**other: Any) -> dict[str, Any]:
    return {"kind": "file", "content": "old\n", "mode": "0644", "owner": "root", "group": "root", **other}


def facts(**other: Any) -> dict[str, Any]:
    texts = ("passwd", "groups", "sshd_effective", "listeners", "connections", "ruleset", "addresses", "routes4", "routes6")
    maps = ("passwords", "sudo_files", "sshd_files", "crontabs", "iptables_legacy", "files", "processes")
    lists = ("authorized_keys", "at_jobs", "linger", "user_units", "network_files", "unread")
    return {**dict.fromkeys(texts, ""), **{m: {} for m in maps}, **{x: [] for x in lists}, **other}


def login(user: str, source: str, count: int = 1) -> dict[str, Any]:
    base = {"user": user, "source": source, "count": count, "first": NOW - 9, "last": NOW, "method": "publickey"}
    return {**base, "key": "", "service": "ssh", "seen_in": "journal"}


@pytest.mark.parametrize(
    ("now", "wanted", "action"),
    [
        ({"kind": "missing"}, FILE, "create"),
        (found(), FILE, "change"),
        (found(kind="link", content="new\n"), FILE, "change"),
        (found(kind="directory"), FILE, "blocked"),
        (found(content="new\n"), FILE, None),
    ],
)
def test_what_becomes_of_a_file(now: dict[str, Any], wanted: WantedFile, action: str | None) -> None:
    changes = list(file_changes([wanted], {wanted.path: now}))
    assert [change.action for change in changes] == ([action] if action else [])


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("/etc/nftables.conf", "packet_filter"),
        ("/etc/systemd/network/20-kakehashi-hpc0.network", "segment_interface"),
        ("/etc/ssh/sshd_config", "login_restriction"),
        ("/etc/ssh/authorized_keys.d/data", "login_restriction"),
        ("/etc/pam.d/sshd", "login_restriction"),
        ("/etc/pam.d/kakehashi-data-sshd", "data_server"),
        ("/etc/ssh/sshd_config_data", "data_server"),
        ("/etc/systemd/system/kakehashi-data-sshd.service", "data_server"),
        ("/etc/ssh/sshd_config_sign", "certificate_authority"),
        ("/etc/ssh/kakehashi-user-authorities", "login_restriction"),
        ("/etc/kakehashi/authority/policy.json", "certificate_authority"),
    ],
)
def test_which_role_writes_a_file(path: str, role: str) -> None:
    assert role_of(path) == role


def test_a_diff_shows_a_missing_last_newline() -> None:
    (change,) = file_changes([FILE], {FILE.path: found(content="new")})
    assert "\\ No newline at end of file" in change.diff


@pytest.fixture
def survey(fabric: Fabric) -> dict[str, Any]:
    history = {
        "rows": [login("sato", "192.0.2.70"), login("guest", "192.0.2.21", 7)],
        "reaches_back": {"wtmp": NOW},
        "unread": ["x: no"],
    }
    users = "guest:x:1500:1500::/home/guest:/bin/bash\naoki:x:2001:2001::/home/aoki:/bin/bash\n"
    machines: dict[str, dict[str, Any]] = {
        "mdx1": {
            "survey": facts(passwd=users, unread=["nft: is not installed"], files={FILE.path: found()}),
            "history": history,
        },
        "mdx2": {"survey": facts()},
        "login1": {"problem": "timed out"},
        "sw-mdx": {"ports": json.dumps({"headings": ["name", "tag", "trunks"], "data": [["p1", 2101, ["set", []]]]})},
        "sw-nii": {"ports": "{}"},
        "sw-nara": {},
    }
    return report.survey_report(fabric, machines, {"mdx1": [FILE]}, "2026-11-23 16:00 UTC")


def test_a_survey_holds_only_machines_that_were_asked_and_is_json(survey: dict[str, Any]) -> None:
    assert [host["name"] for host in survey["hosts"]] == ["login1", "mdx1", "mdx2"]
    assert [(s["name"], s["problem"]) for s in survey["switches"]] == [
        ("sw-nii", "gave an answer that is no list of ports"),
        ("sw-mdx", ""),
        ("sw-nara", "could not be reached"),
    ]
    assert json.loads(json.dumps(survey)) == survey


def test_changes_logins_and_findings_of_a_host(survey: dict[str, Any]) -> None:
    host = survey["hosts"][1]
    assert ("packet_filter", "change", "/etc/nftables.conf") in [(c["role"], c["action"], c["subject"]) for c in host["changes"]]
    assert "user ueda (uid 2002)" in [c["subject"] for c in host["changes"]]
    assert [(x["user"], x["allowed"]) for x in host["logins"]] == [("sato", True), ("guest", False)]
    assert {"user", "address", "unread"} <= {finding["kind"] for finding in host["findings"]}


def test_the_summary_fits_the_terminal_and_names_what_matters(survey: dict[str, Any]) -> None:
    lines = words.summary(survey)
    text = "\n".join(lines)
    assert max(len(line) for line in lines) <= WIDTH
    assert "nothing was changed" in lines[0]
    assert "guest  192.0.2.21" in text
    assert "timed out" in text
    assert "is in no list" in text
    assert not any(line != line.rstrip() for line in lines)


def test_nothing_read_is_not_nothing_found(fabric: Fabric) -> None:
    survey = report.survey_report(fabric, {"mdx1": {"problem": "timed out"}}, {}, "now")
    text = "\n".join(words.summary(survey))
    assert text.count(words.UNKNOWN) == 3
    assert "none" not in text
    assert "(0)" not in text
    text = "\n".join(words.observed_summary(observed.observed_report(fabric, {"mdx1": {"problem": "timed out"}}, "now", NOW)))
    assert text.count(words.UNKNOWN) == 2


def test_the_diffs_name_host_role_and_file(survey: dict[str, Any]) -> None:
    text = words.diffs(survey)
    assert "=== mdx1 packet_filter change: /etc/nftables.conf\n--- /etc/nftables.conf (now)" in text
    assert "-old\n+new\n" in text


def element(*concat: Any, packets: int = 3, expires: int = 2591000) -> dict[str, Any]:
    return {"elem": {"val": {"concat": list(concat)}, "expires": expires, "counter": {"packets": packets, "bytes": 1}}}


def a_set(name: str, *elements: Any, table_name: str = "kakehashi") -> dict[str, Any]:
    return {"set": {"family": "inet", "table": table_name, "name": name, "timeout": 2592000, "elem": list(elements)}}


RULESET = json.dumps(
    {
        "nftables": [
            a_set("would_drop_input_v4", element("hpc0", "192.0.2.21", "tcp", 8888)),
            a_set("would_drop_output_v6", element("hpc0", "2001:db8:0:2102::12", "udp", 53)),
            a_set("would_drop_forward_v4", element("192.0.2.90", "192.0.2.72", "tcp", 22)),
            a_set("would_drop_other_v4", element("a", "b", "tcp", 1)),
            a_set("would_drop_input_v4", element("a", "b", "tcp", 1), table_name="other"),
            a_set("allowed"),
        ]
    }
)


def test_the_packet_filters_record_is_read() -> None:
    rows = list(observed.would_drop(RULESET, NOW))
    assert [(r["direction"], r["source"], r["destination"], r["port"], r["last"]) for r in rows] == [
        ("input", "192.0.2.21", "", 8888, NOW - 1000),
        ("output", "", "2001:db8:0:2102::12", 53, NOW - 1000),
        ("forward", "192.0.2.90", "192.0.2.72", 22, NOW - 1000),
    ]


def test_what_would_be_denied_is_summed_up_by_host(fabric: Fabric) -> None:
    history = {"rows": [login("sato", "192.0.2.70"), login("guest", "192.0.2.21", 7)]}
    machines: dict[str, dict[str, Any]] = {
        "mdx1": {"ruleset": RULESET, "history": history},
        "mdx2": {"ruleset": "["},
        "data1": {},
        "data2": {"ruleset": ""},
    }
    found_report = observed.observed_report(fabric, machines, "2026-11-23 16:00 UTC", NOW)
    mdx1 = next(host for host in found_report["hosts"] if host["name"] == "mdx1")
    assert [packet["who"] for packet in mdx1["packets"]] == ["inst-a1", "data1", "flow-gw1"]
    assert [x["user"] for x in mdx1["logins"]] == ["guest"]
    lines = words.observed_summary(found_report)
    assert max(len(line) for line in lines) <= WIDTH
    assert "mdx1  input    tcp 8888  3" in "\n".join(lines)
    assert {h["name"] for h in found_report["hosts"] if h["problem"]} == {"mdx2", "data1"}


def test_a_table_without_rows_has_no_lines() -> None:
    assert table(["a"], []) == []


def test_long_cells_are_wrapped_into_the_last_columns() -> None:
    lines = table(["a", "b", "c"], [["x", "word " * 40, "more " * 40]], 60)
    assert max(map(len, lines)) <= 60
    assert "".join("".join(lines).split()).count("word") == 40
