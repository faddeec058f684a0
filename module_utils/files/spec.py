"""The arguments by which modules are told of files and directories, as ``plan.parse`` reads them."""

from __future__ import annotations

from typing import Any

_OWNED = {
    "path": {"type": "str", "required": True},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
}
FILES: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {**_OWNED, "content": {"type": "str", "required": True}, "mode": {"type": "str", "default": "0644"}},
}
DIRECTORIES: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {**_OWNED, "mode": {"type": "str", "default": "0755"}, "exclusive": {"type": "bool", "default": False}},
}
