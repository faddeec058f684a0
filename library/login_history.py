"""Ansible module: who logged in, from where and how often."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: login_history
short_description: Sum up the logins of the last days, and change nothing
version_added: "0.1.0"
description:
  - Reads sshd's lines in the journal and in auth.log, and wtmp, each as far back as it reaches.
  - A login that stands in several records counts once.
  - Journal lines that a user other than root wrote are left out, since anybody may log.
options:
  days:
    description: How many days to look back.
    type: int
    default: 30
attributes:
  check_mode:
    description: It never changes anything.
    support: full
  diff_mode:
    description: There is never a difference.
    support: none
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Read who logged in
  login_history:
    days: 30
  register: logins
"""

RETURN = r"""
history:
  description: What was found.
  type: dict
  returned: always
  contains:
    rows:
      description: One row for each user, source, method and key, with C(count), C(first) and C(last) (seconds since 1970).
      type: list
      elements: dict
    reaches_back:
      description: Time of the oldest entry by record (C(journal), C(auth.log), C(wtmp)).
      type: dict
    unread:
      description: What could not be read, and why.
      type: list
      elements: str
"""

from ansible.module_utils.adoption.history import history, now_here
from ansible.module_utils.adoption.programs import runner
from ansible.module_utils.basic import AnsibleModule

MOST_DAYS = 3650


def main() -> None:
    """Read, and hand over."""
    module = AnsibleModule(argument_spec={"days": {"type": "int", "default": 30}}, supports_check_mode=True)
    days = module.params["days"]
    if not 1 <= days <= MOST_DAYS:
        module.fail_json(msg=f"days is {days}; use 1 to {MOST_DAYS}")

    module.exit_json(changed=False, history=history(runner(module), days, now_here()))


if __name__ == "__main__":
    main()
