"""Inventories that would admit more than is declared: site.yml refuses them before anything is armed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.twin.changing import ARMED, Runs, pending, state
from tests.twin.validated import Validated

pytestmark = pytest.mark.twin
HOSTS = ("login1", "mdx1", "mdx2", "data1", "infra1", "log1")
# The segment as a whole, and not only the login servers on it.
WIDE = """
packet_filter_input:
  - {service: ssh, interface: hpc0, addresses: ["192.0.2.64/26", "2001:db8:0:2102::/64"], protocol: tcp, port: 22}
"""
ARMED_HERE = "cd /var/lib/kakehashi-change && find . -printf '%p %m %T@\\n' | sort"


@pytest.fixture
def runs(converged: Validated, tmp_path: Path) -> Runs:
    """Runs on the converged twin, none of which gets as far as changing anything."""
    return Runs(converged, tmp_path)


def source(place: Path, name: str, variables: dict[str, str]) -> str:
    """Return an inventory source that has variables of a host, or of all hosts, beside those of the others."""
    (place / name).mkdir()
    (place / name / "hosts.yml").write_text("all: {}\n")
    for path, text in variables.items():
        (place / name / path).parent.mkdir()
        (place / name / path).write_text(text)
    return str(place / name)


def looked_at(twin: Validated) -> dict[str, tuple[list[str], str]]:
    """What a change may touch on each host, and what arming would leave there."""
    return {host: (state(twin, host), twin("exec", host, "--", "sh", "-c", ARMED_HERE)) for host in HOSTS}


@pytest.mark.parametrize(
    ("path", "refused"), [("host_vars/mdx1.yml", {"mdx1"}), ("group_vars/mdx_nodes.yml", {"mdx1", "mdx2"})], ids=["host", "group"]
)
def test_what_would_admit_an_undeclared_origin_is_refused_before_anything_is_armed(
    runs: Runs, tmp_path: Path, path: str, refused: set[str]
) -> None:
    twin, before = runs.twin, looked_at(runs.twin)
    run = runs.site("-i", source(tmp_path, "wide", {path: WIDE}))
    said = " ".join(run.end().split())
    assert run.process.returncode != 0, said
    assert (
        "Nothing was changed on any host, because what the roles would write admits more or less than the fabric declares" in said
    )
    for host in refused:
        assert f"{host}: a port is open to more than is declared, layer packet filter, from 192.0.2.64-192.0.2.69, " in said, said
        assert f"(set for {host} in the inventory itself: packet_filter_input (" in said
    assert f"{path}:2)" in said, "where it is to be taken out"
    assert "Traceback" not in said
    assert [name for name in run.names if name.endswith(ARMED)] == []
    assert [host for host in HOSTS if pending(twin, host)] == []
    assert looked_at(twin) == before


def test_without_it_the_same_run_arms(runs: Runs, tmp_path: Path) -> None:
    run = runs.site("-i", source(tmp_path, "plain", {}), kill_at=ARMED)
    assert run.killed, run.end()
    assert [host for host in HOSTS if pending(runs.twin, host)] == [], "it was to end right before"
