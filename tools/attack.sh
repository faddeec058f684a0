#!/usr/bin/env bash
# Try the bypass catalogue on the twin, from the operator's place in it.
# usage: tools/attack.sh   (environment: TWIN, INVENTORY, KAKEHASHI_STATE; ONLY: names of attempts)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

twin=${TWIN:-default}
inventory=${INVENTORY:-inventories/twin}
overlay=${KAKEHASHI_STATE:-/var/lib/kakehashi}/$twin/overlay
read -r -a names <<<"${ONLY:-}"

exec .venv/bin/python -m twin --name "$twin" run --for "$inventory" -- \
    .venv/bin/python -m plugin_utils.attack_run -i "$inventory" -i "$overlay" ${names[@]:+--only "${names[@]}"}
