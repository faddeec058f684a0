#!/usr/bin/env bash
# Run stages of the Makefile, to the end even if one fails, and close with what came of each. Stages behind a `--` run beside
# those before it: a stage that waits (for timers, for ssh) leaves the machine to the others. Each line says whose it is, and
# each stage's output is kept in build/stages/ (STAGES_KEPT).
# usage: tools/stages.sh TARGET... [-- TARGET...]...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

kept=${STAGES_KEPT:-build/stages}
mkdir -p "$kept"
rm -f "$kept"/*

# Runs the stages of one lane, one after another; writes a line for each into LANE.results.
lane() {
    local number=$1 stage outcome start
    shift
    for stage in "$@"; do
        start=$SECONDS
        outcome=ok
        make --no-print-directory "$stage" </dev/null 2>&1 | tee "$kept/$stage.log" | sed --unbuffered "s/^/[$stage] /" || outcome=FAILED
        printf '%-10s %-7s %5s s\n' "$stage" "$outcome" $((SECONDS - start)) >>"$kept/$number.results"
    done
}

# Whoever ends this script ends the lanes with all that they started; each stage cleans up when it is asked to end.
lanes=()
trap 'for pid in "${lanes[@]}"; do kill -TERM -- "-$pid" 2>/dev/null || true; done; wait; exit 130' INT TERM

SECONDS=0
set -m # a process group of its own for each lane
stages=()
for word in "$@" --; do
    if [[ $word == -- ]]; then
        lane "${#lanes[@]}" "${stages[@]}" &
        lanes+=("$!")
        stages=()
    else
        stages+=("$word")
    fi
done
status=0
for pid in "${lanes[@]}"; do wait "$pid" || status=1; done

printf '\n'
cat "$kept"/*.results
grep -q ' FAILED ' "$kept"/*.results && status=1
printf '%-10s %-7s %5s s\n' total "$([[ $status -eq 0 ]] && echo ok || echo FAILED)" "$SECONDS"
# Where only the end of this is kept, as by some continuous integration, it says what was wrong, too.
for log in "$kept"/*.log; do
    grep -q "^$(basename "$log" .log) *FAILED" "$kept"/*.results || continue
    printf '\nWhat failed: %s\n' "$log"
    grep -E '^(FAILED|ERROR) |fatal: |FAILED!|Not clean|^ *E   |[a-zA-Z]+Error\b|^ERROR' "$log" | tail -n 12 | cut -c 1-300 || true
done
exit "$status"
