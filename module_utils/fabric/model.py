"""The fabric's data model: frozen, typed records and plain look-ups, nothing else.

Words follow NetBox and OpenSSH where they have one. Records are made by ``parse.parse_fabric`` only, which has
checked them; nothing here validates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Literal, TypeAlias

Family: TypeAlias = Literal["ipv4", "ipv6"]
Address: TypeAlias = "IPv4Address | IPv6Address"
SecondFactor: TypeAlias = Literal["none", "totp"]
FAMILIES: tuple[Family, ...] = ("ipv4", "ipv6")

OPERATORS = "operators"
ACCOUNTS = "accounts"


@dataclass(frozen=True, slots=True)
class Site:
    """A place with equipment: ``name`` and a ``description`` for people."""

    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class StormControl:
    """Upper bounds in frames per second (pps) at each edge port of a segment; ``None`` is no bound."""

    broadcast: int | None = None
    multicast: int | None = None
    unknown_unicast: int | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """One layer-2 domain: an L2VPN over the carrier or a VLAN within a site.

    ``vlan`` is 2..4094 (SINET's range; VLAN 1 is not carried), ``mtu`` is in bytes, at most 9000.
    """

    name: str
    kind: Literal["l2vpn", "vlan"]
    vlan: int
    ipv4: IPv4Network
    ipv6: IPv6Network
    mtu: int
    storm_control: StormControl = StormControl()
    description: str = ""

    def network(self, family: Family) -> IPv4Network | IPv6Network:
        """Return the segment's subnet of ``family``."""
        return self.ipv4 if family == "ipv4" else self.ipv6


@dataclass(frozen=True, slots=True)
class Service:
    """A named destination: ``protocol`` and ``port`` (1..65535)."""

    name: str
    protocol: Literal["tcp", "udp"]
    port: int


@dataclass(frozen=True, slots=True)
class Flow:
    """One allowed (origin group, destination group, service) triple.

    ``through`` names the gateway group that routes it, or is ``None`` where both ends share a segment.
    ``users`` says whose logins an ssh flow is for: any of ``accounts`` and ``operators``; other services ignore it.
    """

    origin: str
    destination: str
    service: str
    through: str | None = None
    users: tuple[str, ...] = (ACCOUNTS, OPERATORS)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A host's or a switch's interface on a segment, and the switch port it hangs on.

    ``mode`` is ``access`` (untagged frames on the wire) or ``tagged``. ``mtu`` in bytes is the segment's where
    ``None``.
    """

    segment: str
    interface: str
    ipv4: IPv4Address
    ipv6: IPv6Address
    switch: str
    port: str
    mode: Literal["access", "tagged"] = "access"
    mtu: int | None = None

    def address(self, family: Family) -> Address:
        """Return the attachment's address of ``family``."""
        return self.ipv4 if family == "ipv4" else self.ipv6


@dataclass(frozen=True, slots=True)
class Override:
    """A role argument (``variable``, with the role's prefix) that the inventory itself sets, at ``place`` (file:line).

    A value that only a run can resolve, such as a template or an encrypted one, isn't ``known``.
    """

    variable: str
    value: object
    place: str
    known: bool = True


@dataclass(frozen=True, slots=True)
class Host:
    """A machine of the fabric.

    ``managed`` hosts are converged by the roles; others are foreign: they are origins of probes and of declared
    flows, and nothing is changed on them. ``initial_user`` is the shared account a machine's image comes with.
    ``local_users`` are people of the computing centre who have no account on a data platform. ``overrides`` are no
    part of the declaration: role arguments that a run takes from the inventory in place of what the fabric means.
    """

    name: str
    groups: frozenset[str]
    site: str
    attachments: tuple[Attachment, ...]
    managed: bool = True
    os: Literal["debian12", "debian13"] = "debian12"
    ssh_activation: Literal["service", "socket"] = "service"
    initial_user: str | None = None
    local_users: tuple[str, ...] = ()
    enforce: bool = True
    record_sessions: bool = True
    overrides: tuple[Override, ...] = field(default=(), compare=False)

    @property
    def records(self) -> bool:
        """Whether sessions are recorded here: never where the host only observes."""
        return self.enforce and self.record_sessions

    def attachment(self, segment: str) -> Attachment | None:
        """Return the attachment on ``segment``, or ``None``."""
        return next((a for a in self.attachments if a.segment == segment), None)


@dataclass(frozen=True, slots=True)
class Switch:
    """A switch, its CLI's ``dialect`` and its own management ``attachment`` (whose ``port`` is its own)."""

    name: str
    site: str
    dialect: str
    attachment: Attachment


@dataclass(frozen=True, slots=True)
class TrunkEnd:
    """One end of a cable between switches."""

    switch: str
    port: str


@dataclass(frozen=True, slots=True)
class Trunk:
    """A cable between two switches and the ``segments`` whose VLANs it carries, tagged.

    ``mtu`` is the largest frame payload it carries in bytes, ``None`` where nothing limits it below 9000.
    """

    name: str
    ends: tuple[TrunkEnd, TrunkEnd]
    segments: tuple[str, ...]
    mtu: int | None = None


@dataclass(frozen=True, slots=True)
class DataPlatform:
    """A platform that holds medical images. The fields below ``site`` name inventory groups."""

    name: str
    site: str
    login_servers: str
    data_servers: str
    compute_servers: str | None = None
    storage_servers: str | None = None
    intake_servers: str | None = None


@dataclass(frozen=True, slots=True)
class ComputePlatform:
    """A platform that computes. ``nodes``, ``gateways``, ``login_servers`` and ``job_nodes`` name inventory groups.

    ``scheduled`` platforms reach data from ``job_nodes`` through ``gateways``; on ``direct_login`` ones people log in
    to ``nodes`` from ``login_servers``. ``control`` says what is ours there: ``root``, the job ``hooks`` or the
    ``user``'s own script.
    """

    name: str
    kind: Literal["scheduled", "direct_login"]
    site: str
    control: Literal["root", "hooks", "user"]
    login_servers: str
    nodes: str
    job_nodes: str | None = None
    gateways: str | None = None
    gateway_mode: Literal["route", "terminate"] = "route"
    scheduler: Literal["slurm", "pjm", "none"] = "none"
    longest_job_hours: int = 24


@dataclass(frozen=True, slots=True)
class Account:
    """A person of a data platform, and the platforms they may use.

    ``keys`` are public keys of the person's own machine: they open login servers only. ``probe`` marks an account
    that exists to be tried by validation. ``second_factor`` is the fabric's where ``None``.
    """

    name: str
    uid: int
    data_platforms: tuple[str, ...]
    compute_platforms: tuple[str, ...]
    keys: tuple[str, ...] = ()
    probe: bool = False
    state: Literal["present", "absent"] = "present"
    description: str = ""
    second_factor: SecondFactor | None = None


@dataclass(frozen=True, slots=True)
class Operator:
    """A named person who runs the platform: logs in through the login servers and may become root.

    ``probe`` marks an operator whose logins validation tries, with their private key. ``break_glass`` marks nobody's
    daily name but a sealed credential, whose use raises an alert. Of operators a ``second_factor`` is asked for only where
    it is written here: their automation logs in by key.
    """

    name: str
    uid: int
    keys: tuple[str, ...] = ()
    probe: bool = False
    break_glass: bool = False
    state: Literal["present", "absent"] = "present"
    description: str = ""
    second_factor: SecondFactor = "none"


@dataclass(frozen=True, slots=True)
class Identity:
    """By what accounts go on from login servers: certificates that a host of ``signers`` (an inventory group) signs.

    ``certificate_minutes`` is the longest life of a certificate. Hosts show certificates of ``host_certificate_days``.
    """

    signers: str
    certificate_minutes: int = 10
    host_certificate_days: int = 90


@dataclass(frozen=True, slots=True)
class Fabric:
    """The declared whole. Mappings are keyed by name and keep the order of declaration.

    ``groups`` maps each inventory group to the names of its members (hosts and switches), in inventory order.
    Without an ``identity`` accounts go on from login servers by keys that are made there. ``second_factor`` is asked of
    accounts at login servers. Certificates of ``operator_authorities`` let operators in, but those named in
    ``revoked_certificates``; without ``operator_keys`` most of their plain keys don't.
    """

    name: str
    sites: Mapping[str, Site]
    segments: Mapping[str, Segment]
    services: Mapping[str, Service]
    flows: tuple[Flow, ...]
    hosts: Mapping[str, Host]
    switches: Mapping[str, Switch]
    trunks: Mapping[str, Trunk]
    data_platforms: Mapping[str, DataPlatform]
    compute_platforms: Mapping[str, ComputePlatform]
    accounts: Mapping[str, Account]
    operators: Mapping[str, Operator]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    identity: Identity | None = None
    second_factor: SecondFactor = "none"
    operator_authorities: tuple[str, ...] = ()
    operator_keys: bool = True
    revoked_certificates: tuple[str, ...] = ()

    def members(self, group: str) -> tuple[Host, ...]:
        """Return the hosts (no switches) of an inventory group, in inventory order."""
        return tuple(self.hosts[name] for name in self.groups.get(group, ()) if name in self.hosts)

    @property
    def managed_hosts(self) -> tuple[Host, ...]:
        """Return the hosts that the roles converge."""
        return tuple(host for host in self.hosts.values() if host.managed)

    def flows_to(self, host: Host, service: str | None = None) -> tuple[Flow, ...]:
        """Return the declared flows that end at ``host``, of one service or of all."""
        return tuple(f for f in self.flows if f.destination in host.groups and service in (None, f.service))

    def flows_from(self, host: Host, service: str | None = None) -> tuple[Flow, ...]:
        """Return the declared flows that begin at ``host``, of one service or of all."""
        return tuple(f for f in self.flows if f.origin in host.groups and service in (None, f.service))
