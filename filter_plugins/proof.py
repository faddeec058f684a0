"""The filters by which playbooks ask for the static proof; the thinking is in module_utils/proof."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from module_utils.fabric.problems import FabricError
from plugin_utils.proof_run import as_json, prove_inventory, report, too_open


def fabric_proof(sources: Sequence[str]) -> dict[str, Any]:
    """Return the proof of inventory sources as plain data, with the report's lines."""
    try:
        proof = prove_inventory([str(source) for source in sources])
    except FabricError as error:
        raise AnsibleFilterError(str(error)) from error
    return {**as_json(proof), "report": report(proof).split("\n")}


def fabric_too_open(sources: Sequence[str]) -> list[str]:
    """Return in words what would let in more than is declared, nothing where the proof holds."""
    try:
        return too_open([str(source) for source in sources])
    except FabricError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Hands the filters to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"fabric_proof": fabric_proof, "fabric_too_open": fabric_too_open}
