"""Ansible module: a second key pair beside one in use, the exchange of the two, and the end of the older."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: key_turnover
short_description: Replace ssh key pairs in steps, each of which can be repeated
version_added: "0.2.0"
description:
  - Each pair lies in a directory of its own. The second one lies beside that, in C(.other-NAME). Of a host's key, which has none
    of its own, the second one lies in O(pairs[].second).
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
      second:
        description:
          - A directory for the second pair alone, on the same file system, where O(pairs[].path) lies among other files, as a
            host's key does. Then the public half may be missing, and a certificate (C(-cert.pub)) moves with its key.
        type: path
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
    - For each pair its C(subject), the public halves C(current) and C(beside), their C(age) and C(beside_age) in seconds, and
      whether the second is C(following), which is newer.
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

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.changes.guard import refuse_when_over
from ansible.module_utils.identity import host_pairs, rooms
from ansible.module_utils.identity.host_pairs import HostPair
from ansible.module_utils.identity.rooms import Found, Room, RoomError

PAIR = {"subject": {"type": "str", "required": True}, "path": {"type": "path", "required": True}, "second": {"type": "path"}}
SPEC: dict[str, dict[str, Any]] = {
    "pairs": {"type": "list", "elements": "dict", "required": True, "options": PAIR},
    "state": {"type": "str", "choices": ["read", "next", "switched", "back", "forgotten"], "default": "read"},
}
WORDS = {"next": "make a next key of", "switched": "take the next key into use of", "back": "go back to the key before of"}


def main() -> None:
    """Look, do what is asked where it is not done, look again, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    state = module.params["state"]
    pairs = {pair["subject"]: _place(Path(pair["path"]), pair["second"]) for pair in module.params["pairs"]}
    steps: list[str] = []
    try:
        found = {subject: _observe(pair) for subject, pair in pairs.items()}
        due = [subject for subject, now in found.items() if _due(state, now)]
        steps = [f"{WORDS.get(state, 'remove the key before of')} {subject}" for subject in due]
        if due and not module.check_mode:
            refuse_when_over(module)
            for subject in due:
                _act(state, pairs[subject])
            found = {subject: _observe(pair) for subject, pair in pairs.items()}
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


def _place(path: Path, second: str | None) -> Room | HostPair:
    return HostPair(path, Path(second)) if second else Room(path.parent, path.name)


def _observe(pair: Room | HostPair) -> Found:
    return host_pairs.observe(pair) if isinstance(pair, HostPair) else rooms.observe(pair)


def _act(state: str, pair: Room | HostPair) -> None:
    if isinstance(pair, HostPair):
        step = {"next": host_pairs.make_next, "forgotten": host_pairs.forget}.get(state, host_pairs.exchange)
        step(pair)
    elif state == "forgotten":
        rooms.remove(pair.beside)
    else:
        (rooms.make_next if state == "next" else rooms.exchange)(pair)


if __name__ == "__main__":
    main()
