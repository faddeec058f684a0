#!/usr/bin/env bash
# Run stages of the Makefile one after another, to the end even if one fails, and close with what came of each.
# usage: tools/stages.sh TARGET...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

summary=()
status=0
SECONDS=0
for stage in "$@"; do
    start=$SECONDS
    if make --no-print-directory "$stage"; then
        outcome=ok
    else
        outcome=FAILED
        status=1
    fi
    summary+=("$(printf '%-10s %-7s %5s s' "$stage" "$outcome" $((SECONDS - start)))")
done

printf '\n'
printf '%s\n' "${summary[@]}"
printf '%-10s %-7s %5s s\n' total "$([[ $status -eq 0 ]] && echo ok || echo FAILED)" "$SECONDS"
exit "$status"
