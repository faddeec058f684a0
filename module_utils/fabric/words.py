"""What a host is, in words for people: tables and the diagram share them."""

from __future__ import annotations

from .model import Fabric, Host

_DATA_PARTS = ("data_servers", "compute_servers", "storage_servers", "intake_servers")


def role(fabric: Fabric, host: Host) -> str:
    """Return what a host is for, such as ``login server``, ``gateway of flow`` or ``storage server of nii``."""
    if "operator_hosts" in host.groups:
        return "operators' own host"
    for platform in fabric.data_platforms.values():
        if platform.login_servers in host.groups:
            return "login server"
        for part in _DATA_PARTS:
            if getattr(platform, part) in host.groups:
                return f"{_one(part)} of {platform.name}"
    for compute in fabric.compute_platforms.values():
        if compute.login_servers in host.groups:
            return "login server"
        for part, words in (("gateways", "gateway"), ("job_nodes", "job node"), ("nodes", "node")):
            if getattr(compute, part) in host.groups:
                other = part == "nodes" and compute.kind == "scheduled"
                return f"{'other ' if other else ''}{words} of {compute.name}"
    return _by_flow(fabric, host)


def _by_flow(fabric: Fabric, host: Host) -> str:
    """Return the name of the host's smallest group that a flow names, as a word for one."""
    named = {g for f in fabric.flows for g in (f.origin, f.destination, f.through) if g in host.groups}
    smallest = sorted(named - {None}, key=lambda g: (len(fabric.groups.get(str(g), ())), str(g)))
    return _one(str(smallest[0])) if smallest else "host"


def _one(group: str) -> str:
    return group.removesuffix("s").replace("_", " ")
