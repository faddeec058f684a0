"""The reference says what the sources say, and is up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tools.generate_docs import REFERENCE, ROOT, literal, module_page, prose, render, role_page, stale, write
from tools.role_files import Role

MODULE = '''
"""Thing."""
DOCUMENTATION = r"""
module: thing
short_description: Make a thing
description: [First., "Second, see C(man thing)."]
options:
  path: {description: Where., type: path, required: true}
  rules:
    description: What.
    type: list
    elements: dict
    default: []
    suboptions:
      kind: {description: Which., choices: [a, b]}
"""
EXAMPLES = r"""
- thing:
    path: /tmp/x
"""
RETURN = r"""
path: {description: Where it is., type: str, returned: always}
"""
'''


def test_the_committed_reference_is_up_to_date() -> None:
    assert stale(render(ROOT), ROOT / REFERENCE) == [], "run 'make docs' and commit the result"


def test_a_module_page_has_arguments_examples_and_returns() -> None:
    page = module_page("thing", MODULE)
    assert "Make a thing.\n\nFirst.\n\nSecond, see `man thing`.\n" in page
    assert "| `path` | path | required | Where. |" in page
    assert "| `rules` | list of dict | `[]` | What. |\n| `rules[].kind` | str |  | Which. One of `a`, `b`. |" in page
    assert "```yaml\n- thing:\n    path: /tmp/x\n```" in page
    assert "| `path` | str |  | Where it is. |" in page


def test_a_module_without_documentation_is_refused() -> None:
    with pytest.raises(ValueError, match=r"library/thing\.py: has no DOCUMENTATION"):
        module_page("thing", "x = 1\n")


def test_a_role_page_has_each_entry_point() -> None:
    options = {"door_port": {"type": "int", "default": 22, "description": "Port, or | pipe."}}
    specs: dict[str, dict[str, Any]] = {
        "main": {"short_description": "Open the door", "options": options},
        "close": {"description": ["Shuts.", "Tight."]},
    }
    page = role_page(Role("door", Path("door"), {}, {}, specs, {}))
    assert "## `main`: Open the door\n" in page
    assert "| `door_port` | int | `22` | Port, or \\| pipe. |" in page
    assert "Shuts. Tight.\n\nNone.\n" in page


def test_markup_becomes_markdown() -> None:
    text = "Set O(path), V(yes) or C(no); I(not) B(now), see U(https://example.com) and L(here,https://example.org)."
    assert prose(text) == ("Set `path`, `yes` or `no`; *not* **now**, see <https://example.com> and [here](https://example.org).")


@pytest.mark.parametrize(("value", "text"), [(True, "`true`"), ("", "`''`"), ([], "`[]`"), ({"a": 1}, "`{a: 1}`"), (22, "`22`")])
def test_defaults_are_shown_as_yaml(value: object, text: str) -> None:
    assert literal(value) == text


def test_stale_names_pages_missing_outdated_and_no_longer_made(tmp_path: Path) -> None:
    write({"a.md": "1", "roles/b.md": "2"}, tmp_path)
    assert stale({"a.md": "1", "roles/b.md": "2"}, tmp_path) == []
    assert stale({"a.md": "1", "roles/b.md": "new", "c.md": "3"}, tmp_path) == ["c.md", "roles/b.md"]
    assert stale({"a.md": "1"}, tmp_path) == ["roles/b.md"]
