#!/usr/bin/env bash
# Run a playbook on the twin, from the operator's place in it.
# usage: tools/playbook.sh PLAYBOOK [ANSIBLE-PLAYBOOK OPTION]...   (environment: TWIN, INVENTORY, KAKEHASHI_STATE)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

twin=${TWIN:-default}
inventory=${INVENTORY:-inventories/twin}
overlay=${KAKEHASHI_STATE:-/var/lib/kakehashi}/$twin/overlay

exec .venv/bin/python -m twin --name "$twin" run --for "$inventory" -- \
    .venv/bin/ansible-playbook -i "$inventory" -i "$overlay" "$@"
