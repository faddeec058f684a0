"""Ansible module: the secrets of the second factor on a login server."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: second_factor
short_description: Keep the secrets by which a login server checks codes (TOTP), or read them
version_added: "0.2.0"
description:
  - Keeps one file for each user, readable by root alone, in the form of pam_oath. What was used of a secret, which pam_oath
    notes in the same file, stays as long as the secret does.
  - A lock that a killed login left beside a secret, by which every code would be refused, is taken away.
  - A new secret forgets wrong codes that were counted. Users who aren't named lose their files.
  - Its result holds secrets where O(read_only) is true. Use C(no_log) for each task that calls it.
options:
  directory:
    description: Where they are kept. Made where it is missing; only root may enter it.
    type: path
    default: /var/lib/kakehashi-second-factor
  secrets:
    description:
      - By user C(key), in hex and empty where it was withdrawn, and C(since), in seconds of the Unix clock.
      - Required unless O(read_only) is true.
    type: dict
  read_only:
    description: Change nothing, and return what is kept.
    type: bool
    default: false
attributes:
  check_mode:
    description: Says what would be done.
    support: full
  diff_mode:
    description: Names whose files change, never what is in them.
    support: full
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Keep the secrets
  second_factor:
    secrets: "{{ second_factor_settled.secrets }}"
  # The secrets are among the arguments.
  no_log: true
"""

RETURN = r"""
secrets:
  description: What is kept, by user.
  type: dict
  returned: where read_only is true
steps:
  description: What was (or in check mode would be) done, in words.
  type: list
  elements: str
  returned: where read_only is false
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.changes.guard import refuse_when_over
from ansible.module_utils.second_factor.enrolment import EnrolmentError, from_data, to_data
from ansible.module_utils.second_factor.host import carry_out, kept, steps

SPEC: dict[str, dict[str, Any]] = {
    "directory": {"type": "path", "default": "/var/lib/kakehashi-second-factor"},
    "secrets": {"type": "dict", "no_log": True},
    "read_only": {"type": "bool", "default": False},
}


def main() -> None:
    """Look, write, look again, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True, required_if=[("read_only", False, ["secrets"])])
    directory = Path(module.params["directory"])
    try:
        if module.params["read_only"]:
            module.exit_json(changed=False, secrets=to_data(kept(directory)))
        wanted = from_data(module.params["secrets"])
        todo = steps(directory, wanted)
        if todo and not module.check_mode:
            refuse_when_over(module)
            carry_out(directory, wanted, todo)
            if left := steps(directory, wanted):
                module.fail_json(msg=f"{directory}: {_words(left)} did not come about; somebody else changes it.")
    except EnrolmentError as error:
        module.fail_json(msg=f"{error}.")
    except OSError as error:
        module.fail_json(msg=f"{error.filename or directory}: {error.strerror}; mend that, then run again.")
    module.exit_json(
        changed=bool(todo),
        steps=[f"{word} {name or directory}" for word, name in todo],
        diff={"before": "", "after": "".join(f"{word} {name or directory}\n" for word, name in todo)},
    )


def _words(todo: list[tuple[str, str]]) -> str:
    return ", ".join(f"{word} {name}".strip() for word, name in todo)


if __name__ == "__main__":
    main()
