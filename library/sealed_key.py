"""Ansible module: the key pair of a sealed credential, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: sealed_key
short_description: Make an ed25519 key pair whose private half is locked by a passphrase
version_added: "0.2.0"
description:
  - Makes the pair where there is none. One that is there is opened by the passphrase, to see that it is the right one, and kept.
  - The passphrase is no argument of any program, and in no output, diff or log.
options:
  path:
    description: Where the sealed half lies. Its directory must exist. The public half lies beside it, as C(.pub).
    type: path
    required: true
  name:
    description: Whose it is; what the public half says of itself.
    type: str
    required: true
  passphrase:
    description: The passphrase, of at least 20 characters.
    type: str
    default: ""
  passphrase_file:
    description: A file that only its owner can read, with the passphrase in its first line. Instead of O(passphrase).
    type: path
  replace:
    description: Make another pair, and keep the sealed half of before as C(.before) beside it.
    type: bool
    default: false
attributes:
  check_mode:
    description: Says what would be done.
    support: full
  diff_mode:
    description: Shows the public half.
    support: full
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Seal a credential
  sealed_key:
    path: /media/safe/sealed1
    name: sealed1
    passphrase_file: /run/user/1000/passphrase
"""

RETURN = r"""
public_key:
  description: The public half, empty in check mode where there is none yet.
  type: str
  returned: always
steps:
  description: What was (or in check mode would be) done, in words.
  type: list
  elements: str
  returned: always
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.identity.sealed import Sealed, SealError, carry_out, missing, opened, passphrase_of

SPEC: dict[str, dict[str, Any]] = {
    "path": {"type": "path", "required": True},
    "name": {"type": "str", "required": True},
    "passphrase": {"type": "str", "default": "", "no_log": True},
    "passphrase_file": {"type": "path", "no_log": False},
    "replace": {"type": "bool", "default": False},
}


def main() -> None:
    """Look, make, open, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    given = module.params
    sealed = Sealed(Path(given["path"]), given["name"])
    try:
        passphrase = passphrase_of(given["passphrase"], given["passphrase_file"] or "")
        before, steps = _public(sealed), missing(sealed, given["replace"])
        if not module.check_mode:
            carry_out(sealed, steps, passphrase)
            if opened(sealed, passphrase) != " ".join(_public(sealed).split()[:2]):
                module.fail_json(msg=f"{sealed.public} is not the public half of {sealed.path}: remove it, then run again.")
        after = _public(sealed) if not module.check_mode or not steps else ""
    except SealError as error:
        module.fail_json(msg=f"{error}.")
    except OSError as error:
        module.fail_json(msg=f"{error.filename or given['path']}: {error.strerror}; mend that, then run again.")
    module.exit_json(
        changed=bool(steps),
        public_key=after,
        steps=steps,
        diff={"before": f"{before}\n", "after": f"{after or '(made anew)'}\n"},
    )


def _public(sealed: Sealed) -> str:
    return sealed.public.read_text(encoding="utf-8").strip() if sealed.public.is_file() else ""


if __name__ == "__main__":
    main()
