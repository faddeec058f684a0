#!/usr/bin/env bash
# The whole interconnect on this machine: build the twin, converge it by the real playbooks, try every login.
# usage: tools/demo.sh   (environment: TWIN, INVENTORY)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export INVENTORY=${INVENTORY:-inventories/twin}
# What is typed next must mean this twin and inventory, not the default ones.
same=''
[[ ${TWIN:-default} == default ]] || same+=" TWIN=$TWIN"
[[ $INVENTORY == inventories/twin ]] || same+=" INVENTORY=$INVENTORY"

SECONDS=0
make --no-print-directory twin-up
make --no-print-directory site
make --no-print-directory validate

newest=$(find evidence -type f -name '*.json' -printf '%T@ %p\n' 2>/dev/null | sort -n | tail -n 1 | cut -d' ' -f2-)
printf '\nThe twin of %s stands, converged and validated, after %s s.\n' "$INVENTORY" "$SECONDS"
[[ -z $newest ]] || printf 'Evidence: %s\n' "$newest"
printf 'Next: look around with "make%s show", log in with "make%s ssh NODE=mdx1", prove the whole with "make test", take it down with "make%s twin-down".\n' \
    "$same" "$same" "$same"
