"""Ansible module: tries logins for real, from the host it runs on."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: login_probe
short_description: Try connects, logins, sftp sessions and jumps from a host
version_added: "0.1.0"
description:
  - Makes all attempts of one origin, many at once, with OpenSSH's own clients.
  - An attempt counts as admitted only when a command ran, a listing came, or a server greeted through C(-W).
  - Attempts that cannot differ from an earlier refused one are left out, unless O(full) is set.
  - Private keys are held by an ssh-agent for the time of the run and are never written to a file.
  - Changes nothing, and leaves nothing behind.
options:
  plan:
    description: What to try, as made by C(module_utils/matrix/attempts.py).
    type: dict
    required: true
  users:
    description: Which identities each user of the plan shows.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The user to log in as.
        type: str
        required: true
      identities:
        description: Names of identities.
        type: list
        elements: str
        required: true
  identities:
    description: Names of the identities that there are keys for.
    type: list
    elements: str
    default: []
  private_keys:
    description:
      - The key of each of O(identities), in the same order, in OpenSSH's text form.
      - An argument of its own, because Ansible writes the arguments of modules to the system's log, and there knows a secret of
        several lines by nothing but the argument that holds it.
    type: list
    elements: str
    default: []
  certificates:
    description:
      - The certificate of each of O(identities), in the same order, empty where it has none. It is shown before the key itself.
      - None at all where no identity has one.
    type: list
    elements: str
    default: []
  known_hosts:
    description: Lines of known hosts; a host whose key is not among them is not logged in to.
    type: list
    elements: str
    required: true
  extra:
    description: Further attempts, each C([kind, user, [host, address, port], hop or null]).
    type: list
    elements: list
    default: []
  full:
    description: Make every attempt; share no results.
    type: bool
    default: false
  workers:
    description: Clients at a time.
    type: int
    default: 4
  tcp_timeout:
    description: Seconds to wait for a connect; where nothing answers, it is made once more with twice that.
    type: float
    default: 2.0
  attempt_timeout:
    description: Seconds to wait for a client's end.
    type: float
    default: 20.0
  lifetime:
    description: Seconds after which the whole run ends and its keys are forgotten.
    type: int
    default: 900
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
- name: Try every login of this origin
  login_probe:
    plan: "{{ __example_plan }}"
    users: [{name: sato, identities: [laptop-sato]}]
    identities: [laptop-sato]
    private_keys: "{{ [__example_key] }}"
    known_hosts: "{{ __example_known_hosts }}"
  register: __example_probe
"""

RETURN = r"""
made:
  description: "Each attempt made: C([kind, user, [host, address, port], hop or null, code, last words])."
  type: list
  elements: list
  returned: success
repeated:
  description: Attempts made again because the server hung up before any authentication, or nothing came in time.
  type: int
  returned: success
seconds:
  description: How long all of it took.
  type: float
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.matrix.attempts import attempt_from_data, attempt_to_data, plan_from_data
from ansible.module_utils.matrix.probe import Limits, run_probe
from ansible.module_utils.matrix.workspace import Identity, ProbeError

NAME = {"type": "str", "required": True}
ARGUMENTS = {
    "plan": {"type": "dict", "required": True},
    "users": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {"name": NAME, "identities": {"type": "list", "elements": "str", "required": True}},
    },
    "identities": {"type": "list", "elements": "str", "default": []},
    "private_keys": {"type": "list", "elements": "str", "default": [], "no_log": True},
    "certificates": {"type": "list", "elements": "str", "default": []},
    "known_hosts": {"type": "list", "elements": "str", "required": True, "no_log": False},
    "extra": {"type": "list", "elements": "list", "default": []},
    "full": {"type": "bool", "default": False},
    "workers": {"type": "int", "default": 4},
    "tcp_timeout": {"type": "float", "default": 2.0},
    "attempt_timeout": {"type": "float", "default": 20.0},
    "lifetime": {"type": "int", "default": 900},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    given = module.params
    if len(given["identities"]) != len(given["private_keys"]):
        module.fail_json(msg="Nothing was tried: private_keys must hold one key for each of identities, in the same order.")
    certificates = given["certificates"] or [""] * len(given["identities"])
    if len(certificates) != len(given["identities"]):
        module.fail_json(msg="Nothing was tried: certificates must hold one text for each of identities, in the same order.")
    try:
        made = run_probe(
            plan_from_data(given["plan"]),
            {user["name"]: user["identities"] for user in given["users"]},
            [Identity(*one) for one in zip(given["identities"], given["private_keys"], certificates, strict=True)],
            given["known_hosts"],
            Limits(given["workers"], given["tcp_timeout"], given["attempt_timeout"], given["lifetime"]),
            full=given["full"],
            extra=[attempt_from_data(a) for a in given["extra"]],
        )
    except ProbeError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        words = f"{error.filename or 'this origin'}: {error.strerror}"
        module.fail_json(msg=f"The probe can't work here, {words}; nothing of it is left. Mend that, then run it again.")
    except KeyboardInterrupt:
        module.fail_json(msg="The probe was interrupted before its end; nothing of it is left here. Run it again.")
    module.exit_json(
        changed=False,
        made=[[*attempt_to_data(a), o.code, o.words] for a, o in made.outcomes.items()],
        repeated=made.repeated,
        seconds=made.seconds,
    )


if __name__ == "__main__":
    main()
