"""Ansible module: all users of a host in one call, with root's rights and with those who are locked out."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: people
short_description: Bring the users of a host to what is declared, root's rights included
version_added: "0.1.0"
description:
  - Creates, corrects and removes users, keeps F(/etc/sudoers.d) to the declared administrators, locks users of the image.
  - Rights are given before others are taken. A call that would take the deployer's own rights away is refused before
    anything is changed.
  - A removed user's processes end, then what they left goes (keys, crontab, jobs of at, lingering, mounts by FUSE), also where
    the entry is gone already. Their home stays, for root only; when the user comes back it is theirs again.
  - A locked user's processes go on, and a warning counts them, unless O(end_processes).
  - Without O(enforce) it only gives; then nobody's own rights can be lost, and no deployer is refused.
  - Passwords are never used, and users get no keys here.
options:
  users:
    description: Users that are declared, present or absent.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Login name.
        type: str
        required: true
      uid:
        description: Number, the same on every host. A user who is there under another number is an error.
        type: int
        required: true
      comment:
        description: Full name or purpose.
        type: str
        default: ""
      admin:
        description: May become root without a password.
        type: bool
        default: false
      recorded:
        description:
          - The user's sessions are recorded by the program of role session_recording, which must be there first.
          - Who is no administrator gets what begins the recording as the login shell.
        type: bool
        default: false
      state:
        description: Whether the user is there.
        type: str
        choices: [present, absent]
        default: present
  locked_users:
    description: Users that stay but can't log in by any means, such as an image's shared initial user.
    type: list
    elements: str
    default: []
  shell:
    description: Login shell of present users.
    type: path
    default: /bin/bash
  emptied_groups:
    description: Groups that give root's rights and have no members but declared administrators.
    type: list
    elements: str
    default: [sudo]
  enforce:
    description: When false, users and administrators that are missing are made, and nothing that is there is taken or altered.
    type: bool
    default: true
  end_processes:
    description: Whether the processes of locked users are ended. Those of removed users always are.
    type: bool
    default: false
attributes:
  check_mode:
    description: Says what would change, as far as it can be seen while the processes of who is removed go on.
    support: full
  diff_mode:
    description: Shows sudoers before and after, and one line for each step.
    support: full
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Have an operator and no former member
  people:
    users:
      - {name: aoki, uid: 2001, admin: true}
      - {name: tanaka, uid: 3003, state: absent}
    locked_users: [mdxuser]
"""

RETURN = r"""
steps:
  description:
    - What was (or in check mode would be) done to users, in words.
    - C(which came meanwhile) stands behind what could not be seen when the host was read.
  type: list
  elements: str
  returned: always
  sample: [create aoki]
"""

import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.changes.guard import refuse_when_over
from ansible.module_utils.files import disk
from ansible.module_utils.files.plan import Directory, File, PlanError, diffs
from ansible.module_utils.files.plan import Wish as FilesWish
from ansible.module_utils.files.plan import plan as plan_files
from ansible.module_utils.people.plan import RECORDED_SHELL, PeopleError, Wish, going_on, parse, plan, refusal, sudoers
from ansible.module_utils.people.system import carry_out, read_host

USER = {
    "name": {"type": "str", "required": True},
    "uid": {"type": "int", "required": True},
    "comment": {"type": "str", "default": ""},
    "admin": {"type": "bool", "default": False},
    "recorded": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
SUDOERS_ROOM = "/etc/sudoers.d"
SUDOERS = f"{SUDOERS_ROOM}/kakehashi"


def main() -> None:
    """Guard, plan, give rights, carry out, report."""
    module = AnsibleModule(
        argument_spec={
            "users": {"type": "list", "elements": "dict", "default": [], "options": USER},
            "locked_users": {"type": "list", "elements": "str", "default": []},
            "shell": {"type": "path", "default": "/bin/bash"},
            "emptied_groups": {"type": "list", "elements": "str", "default": ["sudo"]},
            "enforce": {"type": "bool", "default": True},
            "end_processes": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        bring_about(module)
    except (PeopleError, PlanError) as error:
        module.fail_json(msg=str(error))


def bring_about(module: AnsibleModule) -> None:
    """Do what the arguments ask; leaves through the module's exits."""
    wish = parse(module.params)
    reason = refusal(wish, os.environ.get("SUDO_USER"))
    if reason is not None:
        module.fail_json(msg=reason)
    if any(u.recorded and u.present and not u.admin for u in wish.users) and not os.access(RECORDED_SHELL, os.X_OK):
        lacking = f"{RECORDED_SHELL} is not there, so users whose sessions it records could not log in"
        if not module.check_mode:
            module.fail_json(msg=f"{lacking}; nothing was changed: run role session_recording first")
        module.warn(f"{lacking} before role session_recording has run")
    rights = FilesWish(
        files=(File(SUDOERS, sudoers(wish, _text(SUDOERS)).encode(), 0o440),),
        directories=(Directory(SUDOERS_ROOM, 0o750, exclusive=wish.enforce),),
        validate=(("visudo", "-c", "-q", "-f", f"{{{SUDOERS}}}"),),
    )
    files = plan_files(rights, disk.observe(rights))
    host = read_host(wish)
    steps = plan(wish, host)
    warning = going_on(wish, host)
    if warning is not None:
        module.warn(warning)
    if files:
        for tool in disk.validate(rights, tolerate_missing_tools=module.check_mode):
            module.warn(f"{tool} is not installed yet, so sudoers was not validated by it")
    words = [step.say for step in steps]
    if not module.check_mode:
        if files or steps:
            refuse_when_over(module)
        # New administrators are there before what gave others root's rights goes.
        words = carry_out([step for step in steps if step.gives])
        disk.apply(files)
        words += carry_out([step for step in steps if not step.gives])
        if files or steps:
            refuse_leftovers(wish, rights)
    said = [{"before": "", "after": "".join(f"{w}\n" for w in words)}] if words else []
    module.exit_json(changed=bool(files or steps), steps=words, diff=[*diffs(files), *said])


def refuse_leftovers(wish: Wish, rights: FilesWish) -> None:
    """Read all again, and raise PeopleError where something is still to do."""
    left = [f"{step.action} {step.path}" for step in plan_files(rights, disk.observe(rights))]
    left += [step.say for step in plan(wish, read_host(wish))]
    if left:
        raise PeopleError(
            f"all was done, but read again this is still to do: {', '.join(left)}; "
            f"find what else changes users or sudoers on this host, then run again"
        )


def _text(path: str) -> str:
    place = Path(path)
    return place.read_text(encoding="utf-8") if place.is_file() else ""


if __name__ == "__main__":
    main()
