"""Rules between the records of a fabric: each is a function of a ``Context`` to the faults it sees.

To add one: write the function in the file of its subject, list it below, and add a broken inventory for each of its
messages under tests/unit/fabric/broken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..problems import Problem
from . import access, addressing, cabling, flows, identity, logs, people, platforms, references, topology
from .context import Context

Rule = Callable[[Context], Iterable[Problem]]

REFERENCE_RULES: tuple[Rule, ...] = (
    references.sites,
    references.attachments,
    references.trunks,
    references.flows,
    references.platforms,
    references.accounts,
    references.operator_hosts,
    references.identity,
)
RECORD_RULES: tuple[Rule, ...] = (
    addressing.vlans,
    addressing.subnets,
    addressing.subnet_kinds,
    addressing.addresses,
    addressing.addresses_once,
    addressing.mtus,
    addressing.interfaces,
    cabling.switch_management,
    cabling.attachment_sites,
    cabling.ports,
    cabling.trunk_ends,
    cabling.trunk_mtus,
    cabling.segment_kinds,
    flows.services_once,
    flows.service_protocols,
    flows.flows_once,
    flows.every_host,
    logs.protocol,
    logs.servers,
    platforms.kinds,
    platforms.members_once,
    platforms.separate_roles,
    platforms.managed,
    people.names,
    people.uids,
    people.keys_once,
    people.operators,
    people.sealed,
    people.authorities,
    people.accounts,
    people.probes,
    identity.signers,
)
GRAPH_RULES: tuple[Rule, ...] = (
    topology.connected,
    topology.loops,
    topology.foreign_neighbours,
    topology.storms,
    flows.paths,
    flows.gateways,
    platforms.job_nodes,
    platforms.roles,
    access.direct_login,
    access.account_logins,
    access.foreign_logins,
    access.data,
    access.storage,
    access.ways_in,
    identity.asked,
    logs.everybody,
)
