"""Ansible module: the program that records sessions, and its settings."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: session_program
short_description: Put on a host what begins sessions, what records them and who keeps the recordings
version_added: "0.1.0"
description:
  - Writes F(/usr/local/sbin/kakehashi-record), one file made of this collection's own source, and its settings.
  - Then what sshd begins sessions by, F(/usr/local/sbin/kakehashi-session), and the shell that runs it,
    F(/usr/local/sbin/kakehashi-shell), a copy of the host's dash. Its users may run that copy and not read it, so the kernel
    shows other processes of theirs nothing of it, neither memory nor what it holds open.
  - Then the units of the keepers, one started for each session when it begins, and has their socket listen, now and at boot.
  - Sessions that run go on with the program they began with.
options:
  settings:
    description: Settings of the program that records.
    type: dict
    required: true
    suboptions:
      shell:
        description: The shell that recorded users get.
        type: path
        required: true
      session_mib:
        description: Bound of what is recorded of a session, in MiB.
        type: int
        required: true
      day_mib:
        description: Bound of what is recorded of a user in a day, in MiB.
        type: int
        required: true
      admitted:
        description: Users who get in, and are told of, where nothing can be recorded.
        type: list
        elements: str
        required: true
  beginning:
    description: The whole script by which sessions begin. It must be one that C(sh) can read.
    type: str
    required: true
  keeper_socket:
    description: The whole unit C(kakehashi-sessions.socket), to which sessions bring their recordings.
    type: str
    required: true
  keeper_service:
    description: The whole unit C(kakehashi-sessions@.service), which keeps the recording of one session.
    type: str
    required: true
attributes:
  check_mode:
    description: Says what would be written, and what systemctl would be asked.
    support: full
  diff_mode:
    description: Shows texts before and after; of the programs, which ones they are.
    support: full
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Have what records sessions and what begins them
  session_program:
    settings: {shell: /bin/bash, session_mib: 64, day_mib: 256, admitted: [aoki]}
    beginning: "{{ lookup('ansible.builtin.template', 'kakehashi-session.j2') }}"
    keeper_socket: "{{ lookup('ansible.builtin.template', 'kakehashi-sessions.socket.j2') }}"
    keeper_service: "{{ lookup('ansible.builtin.template', 'kakehashi-sessions@.service.j2') }}"
"""

RETURN = r"""
files_changed:
  description: Paths that were (or in check mode would be) written.
  type: list
  elements: str
  returned: always
calls:
  description: What systemctl was (or in check mode would be) asked.
  type: list
  elements: str
  returned: always
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.changes.guard import refuse_when_over
from ansible.module_utils.files.disk import apply, observe, validate
from ansible.module_utils.files.plan import Directory, File, PlanError, Step, Wish, diffs, plan
from ansible.module_utils.sessions.command import BEGINNING, DASH, PROGRAM, SETTINGS, SHELL, SHELL_MODE
from ansible.module_utils.sessions.program import build, settings_text
from ansible.module_utils.units import manager
from ansible.module_utils.units import plan as units
from ansible.module_utils.units.bring import Brought, bring

UNITS = "/etc/systemd/system"
SOCKET = "kakehashi-sessions.socket"
SERVICE = "kakehashi-sessions@.service"
OPTIONS = {
    "shell": {"type": "path", "required": True},
    "session_mib": {"type": "int", "required": True},
    "day_mib": {"type": "int", "required": True},
    "admitted": {"type": "list", "elements": "str", "required": True},
}
TEXT = {"type": "str", "required": True}


def main() -> None:
    """Build, compare, validate, write, start, report."""
    spec = {
        "settings": {"type": "dict", "required": True, "options": OPTIONS},
        "beginning": TEXT,
        "keeper_socket": TEXT,
        "keeper_service": TEXT,
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    try:
        steps = put_programs(module)
        kept = have_keepers(module)
    except (PlanError, manager.UnitError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(steps) or kept.changed,
        files_changed=[*(s.path for s in steps), *kept.paths],
        calls=list(kept.calls),
        diff=[*diffs(steps), *kept.diffs],
    )


def put_programs(module: AnsibleModule) -> tuple[Step, ...]:
    """Write the programs, and return the steps."""
    wish = Wish(files(module), (Directory(str(Path(SETTINGS).parent)),), validate=(("sh", "-n", f"{{{BEGINNING}}}"),))
    steps = plan(wish, observe(wish))
    if steps:
        validate(wish, tolerate_missing_tools=module.check_mode)
        if not module.check_mode:
            refuse_when_over(module)
            apply(steps)
    return steps


def have_keepers(module: AnsibleModule) -> Brought:
    """Write the keepers' units and have their socket listen."""
    texts = {SOCKET: module.params["keeper_socket"], SERVICE: module.params["keeper_service"]}
    return bring(
        Wish(tuple(File(f"{UNITS}/{name}", text.encode()) for name, text in texts.items())),
        units.Wish(enabled=(SOCKET,), started=(SOCKET,)),
        check=module.check_mode,
        before_writing=lambda: refuse_when_over(module),
    )


def files(module: AnsibleModule) -> tuple[File, ...]:
    """Return the files, each after those that it can't do without: what users get as their shell is the last."""
    try:
        shell = Path(DASH).read_bytes()
    except OSError as error:
        raise PlanError(f"{DASH} can't be read ({error.strerror}): install the package dash, then run again") from error
    return (
        File(SETTINGS, settings_text(module.params["settings"]).encode()),
        File(PROGRAM, build(), 0o755),
        File(SHELL, shell, SHELL_MODE),
        File(BEGINNING, module.params["beginning"].encode(), 0o755),
    )


if __name__ == "__main__":
    main()
