"""Every module that writes belongs to the change that its task is part of, and every change gives its id to its tasks."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
ONLY_READ = {
    "audit_chain",
    "audit_report",
    "bypass_attempts",
    "data_answers",
    "data_login_probe",
    "effective_access",
    "host_key_signature",  # what it makes is kept by another module, on another host
    "host_survey",
    "host_time",
    "installed_packages",
    "known_host_key",  # writes on the controller only
    "login_history",
    "login_probe",
    "neighbour_knock",
    "sealed_key",  # writes on the controller only
    "sealed_login",
    "session_certificate",
    "signer_probe",
    "ssh_info",
    "sshd_effective",
    "validation_report",
}
MODULES = sorted(path.stem for path in (ROOT / "library").glob("*.py"))
TASKS = [path for path in (ROOT / "playbooks").glob("**/*.yml") if "change_begin.yml" in path.read_text()]


@pytest.mark.parametrize("name", [n for n in MODULES if n not in ONLY_READ | {"confirmed_change"}])
def test_a_module_that_writes_looks_whether_its_change_is_held(name: str) -> None:
    assert "refuse_when_over(module)" in (ROOT / f"library/{name}.py").read_text(), f"add it, or {name} to those that only read"


def blocks(found: object) -> list[dict[str, object]]:
    """Return every block that begins a change, and the play or file around none of them."""
    if isinstance(found, list):
        return [block for item in found for block in blocks(item)]
    if not isinstance(found, dict):
        return []
    inner = [block for key in ("tasks", "pre_tasks", "block") for block in blocks(found.get(key))]
    begins = [t for t in found.get("block", []) if "change_begin.yml" in str(t.get("ansible.builtin.import_tasks"))]
    return [*inner, *([found] if begins else [])]


@pytest.mark.parametrize("path", TASKS, ids=lambda path: path.name)
def test_a_change_gives_its_id_to_its_tasks(path: Path) -> None:
    found = blocks(yaml.safe_load(path.read_text()))
    assert found
    for block in found:
        assert block.get("environment") == {"KAKEHASHI_CHANGE": "{{ change_armed.id | default('') }}"}, block.get("name")
