#!/usr/bin/env bash
# Type-check all Python of the repository, as pyproject.toml says.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Ansible shows module_utils/ to a module under ansible.module_utils; these links show it there to mypy.
stubs=tools/stubs/ansible/module_utils
find "$stubs" -type l -delete
for package in module_utils/*/ module_utils/[a-z]*.py; do
    ln -s "../../../../${package%/}" "$stubs/"
done

exec .venv/bin/mypy
