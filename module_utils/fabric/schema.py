"""The shapes of the ``fabric_*`` inventory variables, as data: one table per record.

``parse`` walks these tables; the documentation of the inventory is generated from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "name", "text", "int", "bool", "ipv4", "ipv6", "net4", "net6", "choice", "names", "texts", "key", "keys", "record", "records"
]


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a record: its kind, whether it must be there, what else it may be, and a sentence about it.

    ``low`` and ``high`` bound an ``int``; ``choices`` lists what a ``choice`` or the members of ``names`` may be;
    ``record`` is the table of a ``record`` or of each of ``records``, and ``count`` how many of them there must be,
    0 for any; ``attribute`` is the model's name for the key where it differs. ``help`` also stands in messages about
    faults; ``note`` says more, for the reference alone.
    """

    key: str
    kind: Kind
    help: str
    required: bool = True
    low: int = 0
    high: int = 0
    count: int = 0
    choices: tuple[str, ...] = ()
    record: tuple[Field, ...] = ()
    attribute: str = ""
    note: str = ""


NAME = Field("name", "name", "unique name")
DESCRIPTION = Field("description", "text", "a sentence for people", required=False)
STATE = Field(
    "state",
    "choice",
    "whether the person is to be there",
    required=False,
    choices=("present", "absent"),
    note="`absent` removes the person from every managed host; keep the entry, so that nobody else gets the uid",
)
FACTORS = ("none", "totp")
USERS = ("accounts", "operators")

SITE = (NAME, DESCRIPTION)
STORM_CONTROL = tuple(
    Field(key, "int", f"most {words} frames per second at an edge port", required=False, low=1, high=150_000_000)
    for key, words in (
        ("broadcast", "broadcast"),
        ("multicast", "multicast"),
        ("unknown_unicast", "unknown-unicast"),
    )
)
SEGMENT = (
    NAME,
    Field(
        "kind",
        "choice",
        "over the carrier, or within sites",
        choices=("l2vpn", "vlan"),
        note="`l2vpn`: an L2VPN of the carrier; `vlan`: stays within one site",
    ),
    Field(
        "vlan",
        "int",
        "VLAN ID (SINET carries 2 to 4094, never the default VLAN 1)",
        low=2,
        high=4094,
        note="each segment has its own",
    ),
    Field("ipv4", "net4", "IPv4 subnet", note="no subnet overlaps another"),
    Field("ipv6", "net6", "IPv6 subnet", note="no subnet overlaps another"),
    Field("mtu", "int", "bytes, the same on the whole segment", low=1280, high=9000),
    Field(
        "storm_control",
        "record",
        "limits at edge ports",
        required=False,
        record=STORM_CONTROL,
        note="no role sets them; a segment that several sites of others share needs `broadcast`",
    ),
    DESCRIPTION,
)
SERVICE = (
    NAME,
    Field("protocol", "choice", "transport", choices=("tcp", "udp")),
    Field(
        "port",
        "int",
        "destination port",
        low=1,
        high=65535,
        note="each once; services `ssh` (logins), `data` (data sets) and `sign` (certificates) are sshd's, over tcp",
    ),
)
FLOW = (
    Field(
        "from",
        "name",
        "inventory group the flow begins in",
        attribute="origin",
        note="not `all`: a flow of every host would let in whoever joins",
    ),
    Field("to", "name", "inventory group the flow ends in", attribute="destination", note="must differ from the origin"),
    Field("service", "name", "name of a service"),
    Field(
        "through",
        "name",
        "inventory group of the gateways that route it",
        required=False,
        note="without it both ends need a segment in common; gateways stand on a segment of each end and are managed",
    ),
    Field(
        "for",
        "names",
        "whose logins it is for",
        required=False,
        choices=USERS,
        attribute="users",
        note="for the service `ssh`; other services ignore it",
    ),
)
TRUNK_END = (
    Field("switch", "name", "switch", note="a host of the group `switches`"),
    Field("port", "text", "port of that switch"),
)
TRUNK = (
    NAME,
    Field(
        "ends",
        "records",
        "the two ends of the cable",
        record=TRUNK_END,
        count=2,
        note="two switches, two ports that nothing else uses",
    ),
    Field("segments", "names", "segments it carries, tagged", note="over one way only: trunks of a segment make no circle"),
    Field(
        "mtu",
        "int",
        "largest frame it carries, in bytes",
        required=False,
        low=1280,
        high=9000,
        note="without it nothing limits the frame below 9000",
    ),
)
DATA_PLATFORM = (
    NAME,
    Field("site", "name", "site"),
    Field(
        "login_servers",
        "name",
        "group of login servers",
        note="the only machines that the keys of people open; nothing else runs on them",
    ),
    Field("data_servers", "name", "group of data servers", note="they serve data sets over the service `data`"),
    Field(
        "compute_servers",
        "name",
        "group of compute servers",
        required=False,
        note="accounts of the platform log in there, from login servers",
    ),
    Field("storage_servers", "name", "group of storage servers", required=False, note="only the platform reaches its storage"),
    Field(
        "intake_servers",
        "name",
        "group of intake servers",
        required=False,
        note="managed, but no role configures the intake itself",
    ),
)
COMPUTE_PLATFORM = (
    NAME,
    Field(
        "kind",
        "choice",
        "how people use it",
        choices=("scheduled", "direct_login"),
        note="`scheduled`: job nodes reach data through gateways; `direct_login`: people log in to nodes, from login servers",
    ),
    Field("site", "name", "site"),
    Field(
        "control",
        "choice",
        "what is ours there",
        choices=("root", "hooks", "user"),
        note="`root`: its nodes are managed, as `direct_login` needs; `hooks` (of jobs) or `user` (their script): they are not",
    ),
    Field("login_servers", "name", "group of the login servers that lead to it"),
    Field("nodes", "name", "group of all its nodes"),
    Field(
        "job_nodes",
        "name",
        "group of the nodes behind the gateways",
        required=False,
        note="needed where the kind is `scheduled`, and left out otherwise; part of `nodes`",
    ),
    Field(
        "gateways",
        "name",
        "group of gateways",
        required=False,
        note="needed where the kind is `scheduled`, and left out otherwise; nothing else runs on them",
    ),
    Field(
        "gateway_mode",
        "choice",
        "route packets, or end the mount",
        required=False,
        choices=("route", "terminate"),
        note="`route`: flows of data begin at job nodes, through the gateways; `terminate`: at the gateways",
    ),
    Field(
        "scheduler",
        "choice",
        "job scheduler",
        required=False,
        choices=("slurm", "pjm", "none"),
        note="for people: no role reads it yet",
    ),
    Field(
        "longest_job_hours",
        "int",
        "hours of the longest job",
        required=False,
        low=1,
        high=8784,
        note="data servers show a next host key a day longer",
    ),
)
ACCOUNT = (
    NAME,
    Field("uid", "int", "numeric user id, the same everywhere", low=2000, high=59999, note="one person has it, for ever"),
    Field("data_platforms", "names", "data platforms the account may use", note="at least one while the account is present"),
    Field("compute_platforms", "names", "compute platforms the account may use", note="may be empty"),
    Field(
        "keys",
        "keys",
        "public keys of the person's own machine, valid on login servers only",
        required=False,
        note="without one there is no way in; a key belongs to one person. The twin adds generated ones",
    ),
    Field(
        "probe",
        "bool",
        "exists to be tried by validation",
        required=False,
        note="`validate_personas` names the file of the private key",
    ),
    Field(
        "second_factor",
        "choice",
        "what login servers ask for beside the key",
        required=False,
        choices=FACTORS,
        note="`fabric_second_factor` unless given. Where all keys are security keys, these with a PIN are the second factor",
    ),
    STATE,
    DESCRIPTION,
)
OPERATOR = (
    NAME,
    Field("uid", "int", "numeric user id, the same everywhere", low=2000, high=59999, note="one person has it, for ever"),
    Field(
        "keys",
        "keys",
        "public keys",
        required=False,
        note="without one, or a certificate (`fabric_operator_authorities`), there is no way in; a key is one person's",
    ),
    Field(
        "probe",
        "bool",
        "is tried by validation, with their private key",
        required=False,
        note="`validate_personas` names the file of the private key",
    ),
    Field(
        "break_glass",
        "bool",
        "is a sealed credential, whose use raises an alert",
        required=False,
        note="see docs/break-glass.md; never a `probe`, and never the only operator",
    ),
    Field(
        "second_factor",
        "choice",
        "what login servers ask for beside the key",
        required=False,
        choices=FACTORS,
        note="`none` unless given here: whoever is asked for a code can't run playbooks through a login server unattended",
    ),
    STATE,
    DESCRIPTION,
)
IDENTITY = (
    Field(
        "signers",
        "name",
        "group of the hosts that sign certificates",
        note="managed, only operators log in there; login servers ask them over the service `sign`",
    ),
    Field(
        "certificate_minutes",
        "int",
        "longest life of a certificate, in minutes",
        required=False,
        low=2,
        high=60,
        note="a certificate is made anew for each login; a session outlives it",
    ),
    Field(
        "host_certificate_days",
        "int",
        "life of the certificates by which hosts are known, in days",
        required=False,
        low=2,
        high=825,
        note="`site.yml` renews one that is past half of its life",
    ),
)
ATTACHMENT = (
    Field("segment", "name", "segment", note="each host is on a segment once"),
    Field("interface", "text", "name of the network interface", note="at most 15 characters, each once on a host"),
    Field("ipv4", "ipv4", "address within the segment"),
    Field("ipv6", "ipv6", "address within the segment"),
    Field(
        "switch",
        "name",
        "switch it hangs on",
        note="of the same site; for the management interface of a switch: the switch itself",
    ),
    Field("port", "text", "port of that switch"),
    Field(
        "mode",
        "choice",
        "untagged or tagged on the wire",
        required=False,
        choices=("access", "tagged"),
        note="one port carries several segments only where all are tagged",
    ),
    Field(
        "mtu",
        "int",
        "bytes; the segment's unless given",
        required=False,
        low=1280,
        high=9000,
        note="if given, equal to that of the segment",
    ),
)

GLOBALS = (
    Field("fabric_name", "name", "name of the fabric"),
    Field("fabric_sites", "records", "sites", record=SITE, note="places with equipment"),
    Field("fabric_segments", "records", "segments", record=SEGMENT, note="one L2VPN or VLAN each, with its addresses"),
    Field("fabric_services", "records", "services", record=SERVICE, note="names of destination ports, for flows"),
    Field("fabric_flows", "records", "allowed flows; everything else is denied", record=FLOW),
    Field("fabric_trunks", "records", "cables between switches", record=TRUNK),
    Field("fabric_data_platforms", "records", "data platforms", record=DATA_PLATFORM),
    Field("fabric_compute_platforms", "records", "compute platforms", record=COMPUTE_PLATFORM),
    Field("fabric_accounts", "records", "accounts", record=ACCOUNT),
    Field("fabric_operators", "records", "operators", record=OPERATOR),
    Field(
        "fabric_identity",
        "record",
        "by what accounts go on from login servers: certificates",
        required=False,
        record=IDENTITY,
        note="without it they go on by keys that are made on the login servers, good until those are removed",
    ),
    Field(
        "fabric_operator_authorities",
        "keys",
        "public keys of authorities whose certificates let operators in",
        required=False,
        note="their private halves stay outside of every host (docs/certificates.md). ssh-ed25519, sk-ssh-ed25519@openssh.com or "
        "ssh-rsa, by which our sshd takes signatures; certificates hold on hosts that enforce",
    ),
    Field(
        "fabric_operator_keys",
        "bool",
        "whether operators' plain keys open, too",
        required=False,
        note="`true` unless given. With `false` only those of sealed ones and of a `probe`, and on hosts that observe all",
    ),
    Field(
        "fabric_revoked_certificates",
        "texts",
        "names (key ids) of operators' certificates that are not taken any more",
        required=False,
        note="as `ssh-keygen -I` gave them; sessions by them end with the next run",
    ),
    Field(
        "fabric_second_factor",
        "choice",
        "what login servers ask accounts for beside the key",
        required=False,
        choices=FACTORS,
        note="`none` unless given. `totp`: a code of the person's own device (docs/second-factor.md); enrol before you write it",
    ),
)
HOST = (
    Field("fabric_site", "name", "site the host stands in", attribute="site"),
    Field(
        "fabric_managed",
        "bool",
        "whether the roles converge it",
        required=False,
        attribute="managed",
        note="`false` for machines of others: nothing is changed on them, and what they may send is declared all the same",
    ),
    Field("fabric_attachments", "records", "its interfaces", record=ATTACHMENT, attribute="attachments"),
    Field(
        "fabric_os",
        "choice",
        "operating system",
        required=False,
        choices=("debian12", "debian13"),
        attribute="os",
        note="the twin builds it with this one",
    ),
    Field(
        "fabric_ssh_activation",
        "choice",
        "how sshd is started",
        required=False,
        choices=("service", "socket"),
        attribute="ssh_activation",
        note="`service`: ssh.service; `socket`: ssh.socket, as on Ubuntu",
    ),
    Field(
        "fabric_initial_user",
        "name",
        "shared account of the image",
        required=False,
        attribute="initial_user",
        note="locked once the host enforces; without it the image has none",
    ),
    Field(
        "fabric_local_users",
        "names",
        "people of the centre",
        required=False,
        attribute="local_users",
        note="they have no account of ours: no managed host lets them in, and validation tries it",
    ),
    Field(
        "fabric_enforce",
        "bool",
        "enforce (yes) or observe only (no)",
        required=False,
        attribute="enforce",
        note="see docs/adoption.md",
    ),
    Field(
        "fabric_record_sessions",
        "bool",
        "record sessions of people",
        required=False,
        attribute="record_sessions",
        note="`false` leaves it off: on this host, in a platform's `group_vars` on its hosts, in `group_vars/all` everywhere; "
        "hosts that only observe record nothing; see docs/audit.md",
    ),
)
SWITCH = (
    Field("fabric_site", "name", "site the switch stands in", attribute="site"),
    Field(
        "fabric_dialect",
        "choice",
        "language of its command line",
        choices=("ovs_linux", "cisco_ios", "cisco_nxos", "arista_eos", "juniper_junos", "alaxala_ax36s"),
        attribute="dialect",
        note="a twin can build `ovs_linux` only, and survey and validation read no other",
    ),
    Field("fabric_attachments", "records", "its management interface", record=ATTACHMENT, count=1, attribute="attachments"),
)
