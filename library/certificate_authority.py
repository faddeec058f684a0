"""Ansible module: a small authority for certificates, on the machine that keeps its key."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: certificate_authority
short_description: Have an authority for certificates, and sign what hosts ask for
version_added: "0.1.0"
description:
  - The authority's private key is made here, for root only, and never leaves the machine.
  - A request is signed for the name that the caller gives; one that asks for another name is refused. What else it asks for
    is not looked at.
options:
  directory:
    description: Where C(key.pem) and C(certificate.pem) of the authority lie.
    type: path
    required: true
  name:
    description: Name of the authority.
    type: str
    required: true
  years:
    description: How long the authority's certificate holds.
    type: int
    default: 10
  days:
    description: How long certificates of hosts hold.
    type: int
    default: 90
  requests:
    description: What is to be signed.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The host's name.
        type: str
        required: true
      request:
        description: Its request.
        type: str
        required: true
      server:
        description: Whether the host also answers others.
        type: bool
        default: false
attributes:
  check_mode:
    description: Makes and signs nothing, and says what would be.
    support: full
  diff_mode:
    description: Names what is made and signed; no contents.
    support: full
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Sign what the hosts ask for
  certificate_authority:
    directory: /etc/kakehashi/journal-authority
    name: journals of the fabric
    requests:
      - {name: mdx1, request: "{{ journal_certificate.request }}"}
"""

RETURN = r"""
authority:
  description: The authority's certificate; empty in check mode where there is none yet.
  type: str
  returned: always
certificates:
  description: Certificates by name.
  type: dict
  returned: always
signed:
  description: Names that were (or in check mode would be) signed for.
  type: list
  elements: str
  returned: always
"""

import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.certificates import openssl
from ansible.module_utils.changes.guard import refuse_when_over
from ansible.module_utils.files.disk import apply, observe
from ansible.module_utils.files.plan import Directory, File, PlanError, Step, Wish, plan

REQUEST = {
    "name": {"type": "str", "required": True},
    "request": {"type": "str", "required": True},
    "server": {"type": "bool", "default": False},
}
SPEC = {
    "directory": {"type": "path", "required": True},
    "name": {"type": "str", "required": True},
    "years": {"type": "int", "default": 10},
    "days": {"type": "int", "default": 90},
    "requests": {"type": "list", "elements": "dict", "default": [], "options": REQUEST},
}


def main() -> None:
    """Have the authority, sign, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    names = [item["name"] for item in module.params["requests"]]
    try:
        made, authority = _authority(module)
        certificates = {} if module.check_mode else _signed(module, authority)
    except (openssl.CertificateError, PlanError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename}: {error.strerror}; mend that, then run again")
    told = [*made, *(f"a certificate of {name}" for name in names)]
    module.exit_json(
        changed=bool(told),
        authority=authority,
        certificates=certificates,
        signed=names,
        diff=[{"before": "", "after": f"{what}\n"} for what in told],
    )


def _authority(module: AnsibleModule) -> tuple[list[str], str]:
    """Make the authority where it is missing; return what was made and its certificate."""
    directory = Path(module.params["directory"])
    key, path = directory / "key.pem", directory / "certificate.pem"
    if path.exists():
        text = path.read_text(encoding="utf-8")
        if openssl.due(openssl.read(text), time.time(), module.params["days"]):
            raise openssl.CertificateError(f"{path} ends before what it would sign: remove {directory}, then run again")
        return [], text
    if module.check_mode:
        return [str(path)], ""
    refuse_when_over(module)
    apply(_steps(Wish(directories=(Directory(str(directory.parent), 0o755), Directory(str(directory), 0o700)))))
    if not key.exists():
        openssl.make_key(key)
    text = openssl.make_authority(key, module.params["name"], module.params["years"] * 365)
    apply(_steps(Wish(files=(File(str(path), text.encode()),))))
    return [str(path)], text


def _steps(wish: Wish) -> list[Step]:
    return list(plan(wish, observe(wish)))


def _signed(module: AnsibleModule, authority: str) -> dict[str, str]:
    key = Path(module.params["directory"]) / "key.pem"
    found = {}
    for item in module.params["requests"]:
        text = openssl.sign(key, authority, item["request"], item["name"], days=module.params["days"], server=item["server"])
        if not openssl.issued_by(text, authority):
            raise openssl.CertificateError(f"the certificate of {item['name']} is not good: remove its key, then run again")
        found[item["name"]] = text
    return found


if __name__ == "__main__":
    main()
