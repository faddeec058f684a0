"""Broken inventories as overlays: a small base inventory, and a list of edits that each one makes to its text.

An overlay is a YAML list. ``{replace: old, with: new}`` needs ``old`` to stand exactly once (``first: true``
takes the first one, ``in: file`` looks in one file only); ``{append: file, text: ...}`` and ``{remove: file}`` do what
they say.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml


def apply(base: Path, overlay: Path, target: Path) -> None:
    """Copy ``base`` to ``target`` (which must not exist) and make the overlay's edits there."""
    shutil.copytree(base, target)
    for edit in yaml.safe_load(overlay.read_text(encoding="utf-8")):
        if "replace" in edit:
            _replace(target, edit)
        elif "append" in edit:
            with (target / edit["append"]).open("a", encoding="utf-8") as stream:
                stream.write(edit["text"])
        else:
            (target / edit["remove"]).unlink()


def _replace(target: Path, edit: dict[str, Any]) -> None:
    files = [target / edit["in"]] if "in" in edit else sorted(target.rglob("*.yml"))
    holders = [f for f in files if edit["replace"] in f.read_text(encoding="utf-8")]
    if not edit.get("first"):
        count = sum(f.read_text(encoding="utf-8").count(edit["replace"]) for f in holders)
        if count != 1:
            raise ValueError(f"{edit['replace']!r} stands {count} times in the base, not once")
    text = holders[0].read_text(encoding="utf-8")
    holders[0].write_text(text.replace(edit["replace"], edit["with"], 1), encoding="utf-8")
