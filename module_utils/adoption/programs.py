"""Starts the programs that a survey asks, from within an Ansible module."""

from __future__ import annotations

from collections.abc import Callable

from ansible.module_utils.basic import AnsibleModule

NOT_FOUND = 127
"""What a shell returns for a program that is not there."""


def runner(module: AnsibleModule) -> Callable[[list[str]], tuple[int, str, str]]:
    """Return what runs a program (without a shell, in plain English) and gives (rc, stdout, stderr)."""

    def run(argv: list[str]) -> tuple[int, str, str]:
        program = module.get_bin_path(argv[0], opt_dirs=["/usr/sbin", "/sbin"])
        if not program:
            return NOT_FOUND, "", "is not installed"
        return module.run_command([program, *argv[1:]], environ_update={"LC_ALL": "C", "LANG": "C"})

    return run
