"""Ansible module: refuse a staged sshd and PAM configuration whose effect is not what is meant."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: sshd_effective
short_description: Compare what a staged sshd_config and PAM files would do with what is meant
version_added: "0.1.0"
description:
  - Asks sshd itself (C(sshd -t), then C(sshd -T -C) for each persona) about a staged configuration and compares the
    answers, all of them, with the declared users, origins and settings.
  - Personas are each user from each of their origins, each user from addresses that are not theirs, root and an unknown
    user.
  - Accepts only an access.conf that can't fail open.
  - Fails when the deployer's own user and address would not be admitted by sshd and by PAM.
  - Changes nothing. Meant to run before the files are put in place.
options:
  users:
    description: The admitted users.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: User name.
        type: str
        required: true
      kind:
        description: Operators may have other settings than accounts.
        type: str
        choices: [operator, account]
        default: account
      sources:
        description: Addresses and CIDR blocks from which the user may log in.
        type: list
        elements: str
        default: []
      keys:
        description: Public keys without options.
        type: list
        elements: str
        default: []
      authorities:
        description: Public keys of authorities whose certificates let the user in.
        type: list
        elements: str
        default: []
      onward:
        description: Says that the keys are onward keys; has no effect here.
        type: bool
        default: false
      uid:
        description: The user's number; has no effect here.
        type: int
  config:
    description: The staged sshd_config.
    type: str
    required: true
  access_rules:
    description: The staged rules of pam_access.
    type: str
    required: true
  pam_stack:
    description: The staged PAM stack of this sshd.
    type: str
    required: true
  settings:
    description: Meant value of each keyword (small letters) of C(sshd -T), for everybody.
    type: dict
    required: true
  operator_settings:
    description: Meant values that differ for operators.
    type: dict
    default: {}
  account_settings:
    description: Meant values that differ for accounts.
    type: dict
    default: {}
  user_settings:
    description: Meant values that differ for single users, by name. They are laid over all others.
    type: dict
    default: {}
  coming_modules:
    description: PAM modules that are to be installed before the files are put in place.
    type: list
    elements: str
    default: []
  jump_targets:
    description: Where operators may jump to, as PermitOpen has it (C(192.0.2.1:22), C([2001:db8::1]:22)). Checked for names.
    type: list
    elements: str
    default: []
  programs:
    description: Programs that the configuration has sshd run; each must be there. Outside of check mode only.
    type: list
    elements: str
    default: []
  report_only:
    description: Warn of each problem instead of failing.
    type: bool
    default: false
  deployer:
    description: Who must stay admitted. Nobody in particular when empty.
    type: dict
    default: {}
    suboptions:
      user:
        description: User name. Required with O(deployer.source).
        type: str
      source:
        description: Address, not a name. Required with O(deployer.user).
        type: str
  port:
    description: The port that the personas come to.
    type: int
    default: 22
  program:
    description: The sshd to ask.
    type: path
    default: /usr/sbin/sshd
attributes:
  check_mode:
    description: It changes nothing anyway.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Refuse a configuration that does not do what is meant
  sshd_effective:
    users:
      - {name: aoki, kind: operator, sources: [192.0.2.70], keys: ["ssh-ed25519 AAAA... aoki"]}
    config: "{{ lookup('ansible.builtin.template', 'sshd_config.j2') }}"
    access_rules: "{{ lookup('ansible.builtin.template', 'access.conf.j2') }}"
    pam_stack: "{{ lookup('ansible.builtin.template', 'pam_sshd.j2') }}"
    settings: {usepam: "yes", permitrootlogin: "no"}
"""

RETURN = r"""
personas:
  description: How many personas were tried.
  type: int
  returned: success
problems:
  description: Every difference between what is meant and what would be in force.
  type: list
  elements: str
  returned: always
"""

import os
from typing import Any

from ansible.module_utils.access_control.deployer import parse_deployer
from ansible.module_utils.access_control.host import HostError, StagedSshd, pam_modules
from ansible.module_utils.access_control.origins import target_problems
from ansible.module_utils.access_control.people import parse_people
from ansible.module_utils.access_control.verdict import Staged, problems_of
from ansible.module_utils.basic import AnsibleModule

STRINGS: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
SPEC: dict[str, dict[str, Any]] = {
    "users": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "kind": {"type": "str", "choices": ["operator", "account"], "default": "account"},
            "sources": STRINGS,
            "keys": {**STRINGS, "no_log": False},
            "authorities": STRINGS,
            "onward": {"type": "bool", "default": False},
            "uid": {"type": "int"},
        },
    },
    "config": {"type": "str", "required": True},
    "access_rules": {"type": "str", "required": True},
    "pam_stack": {"type": "str", "required": True},
    "settings": {"type": "dict", "required": True},
    "operator_settings": {"type": "dict", "default": {}},
    "account_settings": {"type": "dict", "default": {}},
    "user_settings": {"type": "dict", "default": {}},
    "coming_modules": STRINGS,
    "jump_targets": STRINGS,
    "programs": STRINGS,
    "report_only": {"type": "bool", "default": False},
    "deployer": {
        "type": "dict",
        "default": {},
        "options": {"user": {"type": "str"}, "source": {"type": "str"}},
        "required_together": [("user", "source")],
    },
    "port": {"type": "int", "default": 22},
    "program": {"type": "path", "default": "/usr/sbin/sshd"},
}


def main() -> None:
    """Check the declaration, then the staged files against it."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    given = module.params
    people, problems = parse_people(given["users"])
    problems += target_problems(given["jump_targets"])
    deployer, wrong = parse_deployer(given["deployer"])
    problems += wrong
    missing = [p for p in given["programs"] if not os.access(p, os.X_OK)]
    if not module.check_mode:
        problems += [f"{path} is not there, so no session could begin: run the role that brings it first" for path in missing]
    tried = 0
    if not problems:
        staged = Staged(
            people=people,
            access_rules=given["access_rules"],
            pam_stack=given["pam_stack"],
            settings=given["settings"],
            operator_settings=given["operator_settings"],
            account_settings=given["account_settings"],
            user_settings=given["user_settings"],
            pam_modules=pam_modules().union(given["coming_modules"]),
            deployer=deployer,
        )
        try:
            with StagedSshd(given["program"], given["config"], given["port"]) as sshd:
                sshd.check()
                problems, tried = problems_of(staged, sshd.ask)
        except HostError as error:
            problems = [str(error)]
    if problems and not given["report_only"]:
        module.fail_json(msg=f"sshd and PAM stay as they were. {'. '.join(problems)}.", problems=problems)
    for problem in problems:
        module.warn(f"Enforcing would be refused: {problem}")
    module.exit_json(changed=False, personas=tried, problems=problems)


if __name__ == "__main__":
    main()
