#!/usr/bin/env bash
# Run one stage with a banner before it and the seconds it took after it.
# usage: tools/stage.sh NAME COMMAND [ARGUMENT]...
set -euo pipefail

name=$1
shift
printf '\n==> %s\n' "$name"
status=0
SECONDS=0
"$@" || status=$?
if [[ $status -eq 0 ]]; then
    printf '<== %s: done in %s s\n' "$name" "$SECONDS"
else
    printf '<== %s: FAILED after %s s (exit status %s)\n' "$name" "$SECONDS" "$status" >&2
fi
exit "$status"
