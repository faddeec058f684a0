"""The controller's side of adopting machines: reads the inventory and joins it with what was read on them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from module_utils.adoption import observed, report, words
from module_utils.adoption.changes import WantedFile, role_of
from module_utils.fabric.model import Fabric, Override
from module_utils.fabric.problems import FabricError
from module_utils.fabric.views import host_view
from plugin_utils.inventory import load_fabric
from plugin_utils.render import ONWARD_KEY, NotRenderedError, Renderer
from plugin_utils.site import fabric_known_hosts

ONWARD_IN_WORDS = "(the key that is made on the login server)"
HOST_KEY_IN_WORDS = "(the host keys that are read when the role runs)"
_HOST_KEY = "ssh-ed25519 HOSTKEY"
_ENFORCING = ("login_restriction_enforce", "base_enforce", "login_server_enforce", "data_server_enforce")
USER_DATABASES = ("/etc/passwd", "/etc/group", "/etc/shadow")
Machines = Mapping[str, Mapping[str, Any]]
_REGISTERED = {"survey": "survey", "history": "history", "ruleset": "stdout", "ports": "stdout"}
"""The playbooks' registered results (less ``adoption_``), and the key of each that holds what was read."""


def survey_paths(sources: Sequence[str]) -> dict[str, list[str]]:
    """Return, for each managed host, the files that the roles would write: those the survey has to read there."""
    fabric = load_fabric(*sources)
    return {host.name: sorted({f.path for f in wanted_files(fabric, host.name)}) for host in fabric.managed_hosts}


def survey_report(machines: Machines, sources: Sequence[str]) -> dict[str, Any]:
    """Return the survey of what was read (``machines``, see ``module_utils.adoption.report``) as plain data."""
    fabric = load_fabric(*sources)
    read = [name for name, found in machines.items() if "survey" in found]
    wanted = {name: list(wanted_files(fabric, name)) for name in read}
    return report.survey_report(fabric, machines, wanted, _now_in_words())


def observed_report(machines: Machines, sources: Sequence[str]) -> dict[str, Any]:
    """Return what enforcing would have denied, as plain data."""
    return observed.observed_report(load_fabric(*sources), machines, _now_in_words(), int(time.time()))


def _now_in_words() -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())


def machines_read(hostvars: Mapping[str, Any], names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return what the playbook's tasks registered, by machine: what was read, or the ``problem`` in one line."""
    return {name: _machine(hostvars[name]) for name in names}


def _machine(variables: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, key in _REGISTERED.items():
        result = variables.get(f"adoption_{name}")
        if not isinstance(result, Mapping) or result.get("skipped"):
            continue
        if key in result and not result.get("rc"):
            found[name] = result[key]
        else:
            found.setdefault("problem", _problem(result))
    return found


def _problem(result: Mapping[str, Any]) -> str:
    text = str(result.get("stderr") or result.get("msg") or result.get("module_stderr") or report.UNREACHED)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else report.UNREACHED


survey_summary = words.summary
survey_diffs = words.diffs
observed_summary = words.observed_summary


def wanted_files(fabric: Fabric, host: str) -> Iterator[WantedFile]:
    """Yield the files that the roles would write on a host, with their modes left open; users are compared apart.

    Of a host that observes too, those that it gets once it enforces: a survey is made to see them beforehand.
    """
    known = [o for o in fabric.hosts[host].overrides if o.known]
    chosen = [*known, *(Override(name, value=True, place="the survey") for name in _ENFORCING)]
    view, renderer = host_view(fabric, replace(fabric.hosts[host], enforce=True)), Renderer()
    if "login_server" in view:
        told = {target["name"]: [_HOST_KEY] for target in view["login_server"]["targets"]}
        view["login_server"]["known_hosts"] = fabric_known_hosts(view, told)
    try:
        files, services = renderer.host(view, chosen), renderer.services(view, chosen)
    except NotRenderedError as error:
        raise FabricError([str(error)]) from error
    for path, content in files.items():
        if path not in USER_DATABASES:
            yield WantedFile(role_of(path), path, content.replace(ONWARD_KEY, ONWARD_IN_WORDS))
    for role, found in services.items():
        for path, content in found.items():
            yield WantedFile(role, path, content.replace(_HOST_KEY, HOST_KEY_IN_WORDS))
