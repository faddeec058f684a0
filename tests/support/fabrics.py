"""Generated fabrics of any size, valid and always the same, in 198.18.0.0/15 (RFC 2544) and 2001:db8::/32."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from itertools import count
from typing import Any

from module_utils.fabric.model import Fabric
from module_utils.fabric.parse import RawFabric, RawHost
from module_utils.fabric.validate import checked_fabric

Record = dict[str, Any]
HUB = "sw-hub"
FIXED_HOSTS = 6
"""The operators' host, two login servers, a data, a compute and a storage server."""
CLUSTER_NETWORKS = 32
"""How many scheduled platforms have room, two segments of 1,022 hosts each."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a fabric is: hosts of institutions, direct-login nodes, (job, other) nodes of clusters."""

    institutions: int = 2
    direct: tuple[int, ...] = (2,)
    scheduled: tuple[tuple[int, int], ...] = ((2, 1),)
    accounts: int = 4

    @property
    def hosts(self) -> int:
        """Return the number of hosts, switches not counted."""
        nodes = sum(1 + jobs + others for jobs, others in self.scheduled)
        return FIXED_HOSTS + self.institutions + sum(self.direct) + nodes


def shape_of(hosts: int) -> Shape:
    """Return a shape of exactly ``hosts`` hosts (16 or more), half of them direct-login nodes."""
    rest = hosts - FIXED_HOSTS
    clusters = min(CLUSTER_NETWORKS, max(1, rest // 300))
    size = max(4, rest // 3 // clusters)
    direct = rest // 2
    platforms = max(1, direct // 50)
    institutions = rest - direct - clusters * size
    return Shape(
        institutions=institutions,
        direct=tuple(direct // platforms + (i < direct % platforms) for i in range(platforms)),
        scheduled=((size - 1 - size // 3, size // 3),) * clusters,
        accounts=max(4, hosts // 20),
    )


def generated_raw(hosts: int) -> RawFabric:
    """Return the inventory of a valid fabric of ``hosts`` hosts, as if it had been read from files."""
    return raw_fabric(shape_of(hosts))


def generated_fabric(hosts: int = 1000) -> Fabric:
    """Return the validated fabric of ``generated_raw``."""
    return checked_fabric(generated_raw(hosts), str)


def raw_fabric(shape: Shape) -> RawFabric:
    """Return the inventory of a valid fabric of a shape."""
    return _Builder().build(shape)


@dataclass(slots=True)
class _Network:
    """A segment and its next free addresses."""

    ipv4: IPv4Network
    ipv6: IPv6Network
    next: int = 1

    def take(self) -> Record:
        taken, self.next = self.next, self.next + 1
        return {"ipv4": str(self.ipv4[taken]), "ipv6": str(self.ipv6[taken])}


@dataclass(slots=True)
class _Builder:
    segments: list[Record] = field(default_factory=list)
    networks: dict[str, _Network] = field(default_factory=dict)
    trunks: list[Record] = field(default_factory=list)
    sites: list[Record] = field(default_factory=list)
    platforms: list[Record] = field(default_factory=list)
    flows: list[Record] = field(default_factory=list)
    hosts: dict[str, Record] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    ports: dict[str, Any] = field(default_factory=dict)

    def build(self, shape: Shape) -> RawFabric:
        self.segment("operations", "198.18.161.0/24", kind="vlan")
        self.segment("institutions", "198.18.64.0/18", storm_control={"broadcast": 200})
        self.segment("hpc", "198.18.0.0/18", mtu=9000)
        self.segment("management", "198.18.128.0/19")
        self.segment("inside", "198.18.160.0/24", kind="vlan", mtu=9000)
        self.site("hub", HUB, ())
        self.data_platform()
        self.institutions(shape.institutions)
        for i, nodes in enumerate(shape.direct):
            self.direct(f"direct{i}", nodes)
        for i, (jobs, others) in enumerate(shape.scheduled):
            self.scheduled(i, jobs, others)
        return RawFabric(self.variables(shape.accounts), self.raw_hosts(), {k: tuple(v) for k, v in self.groups.items()})

    def segment(self, name: str, ipv4: str, kind: str = "l2vpn", mtu: int = 1500, **more: Any) -> None:
        vlan = 100 + len(self.segments)
        ipv6 = f"2001:db8:{vlan:x}::/64"
        self.segments.append({"name": name, "kind": kind, "vlan": vlan, "ipv4": ipv4, "ipv6": ipv6, "mtu": mtu, **more})
        self.networks[name] = _Network(IPv4Network(ipv4), IPv6Network(ipv6))

    def site(self, name: str, switch: str, segments: tuple[str, ...]) -> None:
        """Add a site and its switch, with a trunk to the hub that carries ``segments`` and the management."""
        self.sites.append({"name": name})
        self.ports[switch] = count(1)
        at = {"segment": "management", "interface": "mgmt", "switch": switch, "port": "mgmt"}
        variables = {"fabric_site": name, "fabric_dialect": "ovs_linux"}
        self.hosts[switch] = {**variables, "fabric_attachments": [{**at, **self.networks["management"].take()}]}
        self.groups.setdefault("switches", []).append(switch)
        if switch != HUB:
            ends = [{"switch": switch, "port": "up"}, {"switch": HUB, "port": f"t{len(self.trunks)}"}]
            self.trunks.append({"name": name, "ends": ends, "segments": [*segments, "management"]})

    def host(self, group: str, name: str, site: str, segments: tuple[str, ...], **variables: Any) -> None:
        switch = HUB if site == "hub" else f"sw-{site}"
        attachments = [
            {
                "segment": segment,
                "interface": f"eth{i}",
                "switch": switch,
                "port": f"p{next(self.ports[switch])}",
                **self.networks[segment].take(),
            }
            for i, segment in enumerate(segments)
        ]
        self.hosts[name] = {"fabric_site": site, "fabric_attachments": attachments, **variables}
        self.groups.setdefault(group, []).append(name)

    def flow(self, origin: str, destination: str, service: str, **more: Any) -> None:
        self.flows.append({"from": origin, "to": destination, "service": service, **more})

    def data_platform(self) -> None:
        self.host("operator_hosts", "operator", "hub", ("operations",), fabric_managed=False)
        for i in (1, 2):
            self.host("login_servers", f"login{i}", "hub", ("operations", "institutions", "hpc", "management"))
        self.host("data_servers", "data1", "hub", ("hpc", "inside"))
        self.host("compute_servers", "compute1", "hub", ("hpc", "inside"))
        self.host("storage_servers", "storage1", "hub", ("inside", "management"))
        self.flow("operator_hosts", "login_servers", "ssh", **{"for": ["operators"]})
        self.flow("login_servers", "compute_servers", "ssh")
        for group in ("data_servers", "storage_servers", "switches"):
            self.flow("login_servers", group, "ssh", **{"for": ["operators"]})
        for group in ("compute_servers", "data_servers"):
            self.flow(group, "storage_servers", "nfs")

    def institutions(self, hosts: int) -> None:
        for i in range(hosts):
            site = f"institution{i // 10}"
            if i % 10 == 0:
                self.site(site, f"sw-{site}", ("institutions",))
            self.host("institution_hosts", f"inst{i}", site, ("institutions",), fabric_managed=False)
        if hosts:
            self.flow("institution_hosts", "login_servers", "ssh", **{"for": ["accounts"]})

    def direct(self, name: str, nodes: int) -> None:
        self.site(name, f"sw-{name}", ("hpc",))
        group = f"{name}_nodes"
        for i in range(nodes):
            self.host(group, f"{name}-n{i}", name, ("hpc",), fabric_initial_user="image-user")
        self.flow("login_servers", group, "ssh")
        self.flow(group, "data_servers", "data")
        record = {"kind": "direct_login", "control": "root", "nodes": group}
        self.platforms.append({"name": name, "site": name, "login_servers": "login_servers", **record})

    def scheduled(self, index: int, jobs: int, others: int) -> None:
        name = f"cluster{index}"
        self.site(name, f"sw-{name}", ("hpc",))
        for i, use in enumerate(("jobs", "internal")):
            third = 4 * (2 * index + i)
            self.segment(f"{name}-{use}", f"198.19.{third}.0/22", "vlan", 9000)
        foreign = {"fabric_managed": False, "fabric_local_users": ["hpc-user"]}
        self.host(f"{name}_gateways", f"{name}-gw", name, ("hpc", f"{name}-jobs"))
        for i in range(jobs):
            self.host(f"{name}_job_nodes", f"{name}-j{i}", name, (f"{name}-jobs", f"{name}-internal"), **foreign)
        for i in range(others):
            self.host(f"{name}_other_nodes", f"{name}-o{i}", name, (f"{name}-internal",), **foreign)
        self.groups[f"{name}_nodes"] = self.groups[f"{name}_job_nodes"] + self.groups.get(f"{name}_other_nodes", [])
        self.flow("login_servers", f"{name}_gateways", "ssh", **{"for": ["operators"]})
        self.flow(f"{name}_job_nodes", "data_servers", "data", through=f"{name}_gateways")
        record = {"kind": "scheduled", "control": "hooks", "scheduler": "slurm", "login_servers": "login_servers"}
        groups = {part: f"{name}_{part}" for part in ("nodes", "job_nodes", "gateways")}
        self.platforms.append({"name": name, "site": name, **record, **groups})

    def variables(self, accounts: int) -> Mapping[str, Any]:
        names = [platform["name"] for platform in self.platforms]
        servers = ("login_servers", "data_servers", "compute_servers", "storage_servers")
        return {
            "fabric_name": "generated",
            "fabric_sites": self.sites,
            "fabric_segments": self.segments,
            "fabric_trunks": self.trunks,
            "fabric_services": [
                {"name": name, "protocol": "tcp", "port": port} for name, port in (("ssh", 22), ("data", 2022), ("nfs", 2049))
            ],
            "fabric_flows": self.flows,
            "fabric_data_platforms": [{"name": "images", "site": "hub", **{group: group for group in servers}}],
            "fabric_compute_platforms": self.platforms,
            "fabric_accounts": [
                {
                    "name": f"user{i}",
                    "uid": 3000 + i,
                    "data_platforms": ["images"],
                    "compute_platforms": names[i % 3 :: 3],
                }
                for i in range(accounts)
            ],
            "fabric_operators": [{"name": "aoki", "uid": 2001}, {"name": "ueda", "uid": 2002}],
        }

    def raw_hosts(self) -> dict[str, RawHost]:
        member: dict[str, set[str]] = {name: {"all"} for name in self.hosts}
        self.groups["all"] = list(self.hosts)
        for group, names in self.groups.items():
            for name in names:
                member[name].add(group)
        return {name: RawHost(frozenset(member[name]), variables) for name, variables in self.hosts.items()}
