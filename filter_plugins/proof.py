"""The filters by which playbooks ask for the static proof; the thinking is in module_utils/proof."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from plugin_utils.filters import in_words
from plugin_utils.proof_run import as_json, objections, prove_inventory, report


def fabric_proof(sources: Sequence[str]) -> dict[str, Any]:
    """Return the proof of inventory sources as plain data, with the report's lines."""
    proof = prove_inventory([str(source) for source in sources])
    return {**as_json(proof), "report": report(proof).split("\n")}


def fabric_objections(sources: Sequence[str]) -> list[str]:
    """Return in words why site.yml does not apply these sources; nothing where it may."""
    return objections([str(source) for source in sources])


class FilterModule:
    """Hands the filters to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"fabric_proof": in_words(fabric_proof), "fabric_objections": in_words(fabric_objections)}
