"""Each broken inventory ends in exactly the words a user will read.

After a change of wording: ``UPDATE_GOLDEN=1 pytest tests/unit/fabric/test_broken.py``, then read the diff.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import pytest

from module_utils.fabric.problems import FabricError, Problem
from plugin_utils.inventory import load_fabric
from tests.support import overlays

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
OVERLAYS = sorted((HERE / "broken").glob("*.yml"))
BUILDERS = {"Problem", "problem", "wrong", "refuse"}
PLUMBING = {"problems.py", "context.py"}


@cache
def _run(overlay: Path) -> tuple[str, frozenset[tuple[str, int]]]:
    """Return the words of a broken inventory, and the lines of the sources that lead to each of its faults."""
    seen: set[tuple[str, int]] = set()
    build = Problem.__init__

    def watched(self: Problem, *args: Any, **kwargs: Any) -> None:
        frame: FrameType | None = sys._getframe(1)
        for _ in range(4):
            if frame is not None:
                seen.add((frame.f_code.co_filename, frame.f_lineno))
                frame = frame.f_back
        build(self, *args, **kwargs)

    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Problem, "__init__", watched)
        overlays.apply(HERE / "base", overlay, Path(folder) / "inventory")
        with pytest.raises(FabricError) as caught:
            load_fabric(Path(folder) / "inventory")
    return str(caught.value).replace(f"{folder}/", "") + "\n", frozenset(seen)


def test_the_base_is_valid() -> None:
    assert load_fabric(HERE / "base").name == "base"


def test_there_are_many() -> None:
    assert len(OVERLAYS) >= 70


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem)
def test_words(overlay: Path) -> None:
    words, _ = _run(overlay)
    golden = overlay.with_suffix(".txt")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(words, encoding="utf-8")
    assert words == golden.read_text(encoding="utf-8")


def test_no_golden_text_is_left_over() -> None:
    assert {p.stem for p in (HERE / "broken").glob("*.txt")} == {p.stem for p in OVERLAYS}


def _sites() -> Iterator[tuple[str, int, int]]:
    """Yield file, first and last line of each place in the sources that builds a fault."""
    fabric = ROOT / "module_utils" / "fabric"
    for path in sorted([*fabric.glob("*.py"), *(fabric / "rules").glob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and path.name not in PLUMBING:
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                inner = any(kw.arg is None for kw in node.keywords)
                if name in BUILDERS and not inner:
                    yield str(path), node.lineno, node.end_lineno or node.lineno


def test_every_refusal_has_an_inventory() -> None:
    seen = {place for overlay in OVERLAYS for place in _run(overlay)[1]}
    untried = [
        f"{Path(file).relative_to(ROOT)}:{first}"
        for file, first, last in _sites()
        if not any((file, line) in seen for line in range(first, last + 1))
    ]
    assert untried == []
