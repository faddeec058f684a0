"""Ansible module: a host's key, the request for its certificate, and the certificate."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: journal_certificate
short_description: Make a host's key, ask for its certificate, keep the certificate
version_added: "0.1.0"
description:
  - The private key is made on the host and never leaves it.
  - Called without O(certificate) it says in RV(request) what an authority is to sign, where there is no certificate of the
    name and key, or it ends soon, or it is not of O(authority).
  - Called with O(certificate) and O(authority) it keeps both, after it has seen that they belong to the key and each other.
options:
  directory:
    description:
      - Where C(key.pem), C(certificate.pem) and C(authority.pem) lie.
      - It is made, and the directory above it, where they are not there.
    type: path
    required: true
  name:
    description: The host's name, which stands in the certificate.
    type: str
    required: true
  renew_days:
    description: A certificate that ends within so many days is asked for anew.
    type: int
    default: 30
  packages:
    description: Packages without which nothing is done; which are missing is told.
    type: list
    elements: str
    default: []
  certificate:
    description: The certificate that is to be kept.
    type: str
    default: ""
  authority:
    description: The certificate of the authority.
    type: str
    default: ""
attributes:
  check_mode:
    description: Says what would change. Where there is no key yet there is no request either.
    support: full
  diff_mode:
    description: Names what is made; no contents.
    support: full
author:
  - kakehashi contributors (@kakehashi)
"""

EXAMPLES = r"""
- name: Have a key
  journal_certificate:
    directory: /etc/kakehashi/journal
    name: mdx1
  register: journal_certificate
"""

RETURN = r"""
missing:
  description: Which of the packages are not installed. Nothing else was done then.
  type: list
  elements: str
  returned: always
request:
  description: What is to be signed; empty where the certificate is good.
  type: str
  returned: always
why:
  description: Why a certificate is needed; empty where it is good.
  type: str
  returned: always
made:
  description: Paths that were (or in check mode would be) written.
  type: list
  elements: str
  returned: always
"""

import time
from collections.abc import Iterator
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.certificates import openssl
from ansible.module_utils.changes.guard import refuse_when_over
from ansible.module_utils.files.disk import apply, observe
from ansible.module_utils.files.plan import Directory, File, PlanError, Wish, plan
from ansible.module_utils.packages import DpkgError, missing

SPEC = {
    "directory": {"type": "path", "required": True},
    "name": {"type": "str", "required": True},
    "renew_days": {"type": "int", "default": 30},
    "packages": {"type": "list", "elements": "str", "default": []},
    "certificate": {"type": "str", "default": ""},
    "authority": {"type": "str", "default": ""},
}


def main() -> None:
    """Look, make what is missing, report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    try:
        if absent := missing(module.params["packages"]):
            # In check mode this stands for their installation: the lists of packages may not be there yet.
            module.exit_json(changed=module.check_mode, missing=absent, made=[], request="", why="", diff=[])
        made = list(_keep(module) if module.params["certificate"] else _key(module))
        key = Path(module.params["directory"]) / "key.pem"
        why = _why(module, key)
        request = openssl.request(key, module.params["name"]) if why and key.exists() else ""
    except (openssl.CertificateError, PlanError, DpkgError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename}: {error.strerror}; mend that, then run again")
    module.exit_json(
        changed=bool(made),
        missing=[],
        made=made,
        request=request,
        why=why,
        diff=[{"before": "", "after": f"{path}\n"} for path in made],
    )


def _key(module: AnsibleModule) -> Iterator[str]:
    """Make the directory and the key where they are missing."""
    openssl.checked_name(module.params["name"])
    directory = Path(module.params["directory"])
    rooms = tuple(Directory(str(room), 0o755) for room in (directory.parent, directory))
    yield from _write(module, Wish(directories=rooms))
    key = directory / "key.pem"
    if not key.exists():
        if not module.check_mode:
            refuse_when_over(module)
            openssl.make_key(key)
        yield str(key)


def _keep(module: AnsibleModule) -> Iterator[str]:
    """Keep a certificate and its authority's, if they are what this host needs."""
    directory, name = Path(module.params["directory"]), module.params["name"]
    certificate, authority = module.params["certificate"], module.params["authority"]
    found = openssl.read(certificate)
    if found.name != name or found.public_key != openssl.public_key(directory / "key.pem"):
        raise openssl.CertificateError(f"the certificate is not of {name} and its key: have the request signed again")
    if not openssl.issued_by(certificate, authority):
        raise openssl.CertificateError(f"the certificate of {name} is not of this authority: have the request signed again")
    pair = (("certificate.pem", certificate), ("authority.pem", authority))
    files = tuple(File(str(directory / file), text.strip().encode() + b"\n") for file, text in pair)
    yield from _write(module, Wish(files=files))


def _write(module: AnsibleModule, wish: Wish) -> Iterator[str]:
    steps = plan(wish, observe(wish))
    if steps and not module.check_mode:
        refuse_when_over(module)
        apply(steps)
    yield from (step.path for step in steps)


def _why(module: AnsibleModule, key: Path) -> str:
    """Return why a certificate is needed."""
    path, name = key.with_name("certificate.pem"), module.params["name"]
    if not key.exists() or not path.exists():
        return "there is none"
    text = path.read_text(encoding="utf-8")
    authority = module.params["authority"] or _text(key.with_name("authority.pem"))
    try:
        found = openssl.read(text)
    except openssl.CertificateError:
        return "it can't be read"
    if found.name != name:
        return f"it is of {found.name}"
    if found.public_key != openssl.public_key(key):
        return "it is of another key"
    if openssl.due(found, time.time(), module.params["renew_days"]):
        return "it ends soon"
    return "" if authority and openssl.issued_by(text, authority) else "it is of another authority"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    main()
