"""Ansible module: the certificate that a host's sshd shows beside its key."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ssh_host_certificate
short_description: Say whether a host's ssh certificate is good, and keep another
version_added: "0.3.0"
description:
  - Called without O(certificate) it says in RV(why) why this host needs another certificate. It does where there is none, it is
    of another key or authority, for others than O(principals), for longer than O(days), or past half of its life.
  - Called with O(certificate) it keeps that beside the key, after it has seen that it is the one that is needed.
  - The private key is not read.
options:
  key:
    description: The host's private key; its public half lies beside it, and the certificate will, as C(KEY-cert.pub).
    type: path
    default: /etc/ssh/ssh_host_ed25519_key
  principals:
    description: The names and addresses by which this host is reached.
    type: list
    elements: str
    required: true
  authorities:
    description: Public keys of the authorities whose certificates are good.
    type: list
    elements: str
    required: true
  days:
    description: The longest life of a certificate.
    type: int
    default: 90
  certificate:
    description: The certificate that is to be kept.
    type: str
    default: ""
attributes:
  check_mode:
    description: Says what would change.
    support: full
  diff_mode:
    description: Shows the certificate's line before and after.
    support: full
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: See whether the certificate is good
  ssh_host_certificate:
    principals: [mdx1, 192.0.2.101]
    authorities: ["ssh-ed25519 AAAA... host authority"]
  register: example_certificate
"""

RETURN = r"""
why:
  description: Why another certificate is needed; empty where it is good.
  type: str
  returned: always
public_key:
  description: The host's public key.
  type: str
  returned: always
stale:
  description: Whether sshd runs as a daemon and has not read the certificate yet.
  type: bool
  returned: always
"""

import time
from pathlib import Path
from typing import Any

from ansible.module_utils.access_control.host import sshd_is_stale
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.changes.guard import refuse_when_over
from ansible.module_utils.files.disk import apply, observe
from ansible.module_utils.files.plan import File, PlanError, Wish, plan
from ansible.module_utils.identity.fields import CertificateError
from ansible.module_utils.identity.host_certificates import Needed, fault, read, why_new
from ansible.module_utils.programs import run

SPEC: dict[str, dict[str, Any]] = {
    "key": {"type": "path", "default": "/etc/ssh/ssh_host_ed25519_key", "no_log": False},
    "principals": {"type": "list", "elements": "str", "required": True},
    "authorities": {"type": "list", "elements": "str", "required": True},
    "days": {"type": "int", "default": 90},
    "certificate": {"type": "str", "default": ""},
}


def main() -> None:
    """Look, keep, look again, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    given = module.params
    path, line = Path(f"{given['key']}-cert.pub"), given["certificate"].strip()
    before = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    changed = False
    try:
        public = Path(f"{given['key']}.pub").read_text(encoding="utf-8").strip()
        needed = Needed(public, tuple(given["principals"]), tuple(given["authorities"]), given["days"])
        if line:
            if wrong := fault(read(line), needed):
                module.fail_json(msg=f"The certificate that was signed is not kept, because {wrong}: have the key signed again.")
            changed = _keep(module, path, line)
        why = "" if line and module.check_mode else _why(path, needed)
    except (CertificateError, PlanError) as error:
        module.fail_json(msg=f"{path} stays as it is: {error}.")
    except OSError as error:
        module.fail_json(msg=f"{error.filename}: {error.strerror}; mend that, then run again.")
    module.exit_json(
        changed=changed,
        why=why,
        public_key=public,
        stale=sshd_is_stale(config=str(path)),
        diff={"before": before, "after": f"{line}\n" if line else before},
    )


def _keep(module: AnsibleModule, path: Path, line: str) -> bool:
    wish = Wish(files=(File(str(path), f"{line}\n".encode()),))
    steps = plan(wish, observe(wish))
    if steps and not module.check_mode:
        refuse_when_over(module)
        apply(steps)
        if plan(wish, observe(wish)):
            module.fail_json(msg=f"{path} does not stay as it was written; somebody else changes it.")
    return bool(steps)


def _why(path: Path, needed: Needed) -> str:
    """Return why another certificate is needed; ssh-keygen also looks at the signature."""
    if not path.is_file():
        return "there is none"
    if run(["ssh-keygen", "-L", "-f", str(path)], CertificateError).returncode != 0:
        return "ssh-keygen can't read it"
    try:
        found = read(path.read_text(encoding="utf-8", errors="replace"))
    except CertificateError as error:
        return str(error)
    why: str = why_new(found, needed, time.time())
    return why


if __name__ == "__main__":
    main()
