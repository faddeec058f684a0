"""Ansible module: a second key pair beside one in use, the exchange of the two, and the end of the older."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: key_turnover
short_description: Replace ssh key pairs in steps, each of which can be repeated
version_added: "0.2.0"
description:
  - Each pair lies in a directory of its own. The second one lies beside that, in C(.other-NAME).
  - Which of the two is newer is told by the time of the private half, so that nothing has to be remembered.
  - Private halves are never read or returned.
options:
  pairs:
    description: The pairs.
    type: list
    elements: dict
    required: true
    suboptions:
      subject:
        description: What the pair is called in the answer.
        type: str
        required: true
      path:
        description: Where its private half lies; the public half lies beside it, as C(.pub), and nothing else does.
        type: path
        required: true
  state:
    description:
      - V(read) only tells.
      - V(next) makes a newer pair beside each that has none beside it.
      - V(switched) has the newer one in use, by one exchange; V(back) the older one.
      - V(forgotten) removes the older one where the newer one is in use.
    type: str
    choices: [read, next, switched, back, forgotten]
    default: read
attributes:
  check_mode:
    description: Says what would be done.
    support: full
  diff_mode:
    description: Names what is done; no contents.
    support: full
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Have a newer key beside the one in use
  key_turnover:
    pairs:
      - {subject: ca1, path: /var/lib/example/user_ca}
    state: next
"""

RETURN = r"""
found:
  description:
    - For each pair its C(subject), the public halves C(current) and C(beside), C(age) of the first in seconds, and whether the
      second is C(following), which is newer.
  type: list
  elements: dict
  returned: always
public_keys:
  description: All public halves that are there.
  type: list
  elements: str
  returned: always
steps:
  description: What was (or in check mode would be) done, in words.
  type: list
  elements: str
  returned: always
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.changes.guard import refuse_when_over
from ansible.module_utils.identity.rooms import Found, Room, RoomError, exchange, make_next, observe, remove

PAIR = {"subject": {"type": "str", "required": True}, "path": {"type": "path", "required": True}}
SPEC: dict[str, dict[str, Any]] = {
    "pairs": {"type": "list", "elements": "dict", "required": True, "options": PAIR},
    "state": {"type": "str", "choices": ["read", "next", "switched", "back", "forgotten"], "default": "read"},
}
WORDS = {"next": "make a next key of", "switched": "take the next key into use of", "back": "go back to the key before of"}


def main() -> None:
    """Look, do what is asked where it is not done, look again, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    state = module.params["state"]
    rooms = {pair["subject"]: Room(Path(pair["path"]).parent, Path(pair["path"]).name) for pair in module.params["pairs"]}
    steps: list[str] = []
    try:
        found = {subject: observe(room) for subject, room in rooms.items()}
        due = [subject for subject, now in found.items() if _due(state, now)]
        steps = [f"{WORDS.get(state, 'remove the key before of')} {subject}" for subject in due]
        if due and not module.check_mode:
            refuse_when_over(module)
            for subject in due:
                _act(state)(rooms[subject])
            found = {subject: observe(room) for subject, room in rooms.items()}
            if left := [subject for subject in due if _due(state, found[subject])]:
                module.fail_json(msg=f"{left[0]} is as it was after its key was replaced; somebody else changes it, run again.")
    except RoomError as error:
        module.fail_json(msg=f"{error}.")
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'a key'}: {error.strerror}; mend that, then run again.")
    module.exit_json(
        changed=bool(steps),
        found=[{"subject": subject, **asdict(now)} for subject, now in found.items()],
        public_keys=[key for now in found.values() for key in (now.current, now.beside) if key],
        steps=steps,
        diff={"before": "", "after": "".join(f"{step}\n" for step in steps)},
    )


def _due(state: str, now: Found) -> bool:
    if state == "next":
        return bool(now.current) and not now.beside
    if state == "switched":
        return bool(now.beside) and now.following
    return state in ("back", "forgotten") and bool(now.beside) and not now.following


def _act(state: str) -> Callable[[Room], None]:
    if state == "next":
        return make_next
    return _forget if state == "forgotten" else exchange


def _forget(room: Room) -> None:
    remove(room.beside)


if __name__ == "__main__":
    main()
