#!/usr/bin/env bash
# Run stages of the Makefile, to the end even if one fails, and close with what came of each. So many lanes run beside each other, and
# each takes the next stage that is left: name the long ones first. A stage that waits (for timers, for ssh) leaves the machine to the
# others. Each line says whose it is, and each stage's output is kept in build/stages/ (STAGES_KEPT).
# usage: tools/stages.sh LANES TARGET...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

kept=${STAGES_KEPT:-build/stages}
mkdir -p "$kept"
rm -f "$kept"/*

beside=$1
shift
printf '%s\n' "$@" >"$kept/queue"

# Prints the next stage that nobody took, and takes it.
take() {
    (
        flock 9
        head -n 1 "$kept/queue"
        sed -i 1d "$kept/queue"
    ) 9>"$kept/queue.lock"
}

# Runs one stage after another; writes a line for each into STAGE.result.
lane() {
    local stage outcome start
    while stage=$(take) && [[ -n $stage ]]; do
        start=$SECONDS
        outcome=ok
        make --no-print-directory "$stage" </dev/null 2>&1 | tee "$kept/$stage.log" | sed --unbuffered "s/^/[$stage] /" || outcome=FAILED
        printf '%-10s %-7s %5s s\n' "$stage" "$outcome" $((SECONDS - start)) >"$kept/$stage.result"
    done
}

# Whoever ends this script ends the lanes with all that they started; each stage cleans up when it is asked to end.
lanes=()
trap 'for pid in "${lanes[@]}"; do kill -TERM -- "-$pid" 2>/dev/null || true; done; wait; exit 130' INT TERM

SECONDS=0
set -m # a process group of its own for each lane
for ((number = 0; number < beside; number++)); do
    lane &
    lanes+=("$!")
done
status=0
for pid in "${lanes[@]}"; do wait "$pid" || status=1; done

printf '\n'
for stage; do cat "$kept/$stage.result" || status=1; done
grep -q ' FAILED ' "$kept"/*.result && status=1
printf '%-10s %-7s %5s s\n' total "$([[ $status -eq 0 ]] && echo ok || echo FAILED)" "$SECONDS"
# Where only the end of this is kept, as by some continuous integration, it says what was wrong, too.
for log in "$kept"/*.log; do
    grep -q "^$(basename "$log" .log) *FAILED" "$kept"/*.result || continue
    printf '\nWhat failed: %s\n' "$log"
    grep -E '^(FAILED|ERROR) |fatal: |FAILED!|Not clean|^ *E   |[a-zA-Z]+Error\b|^ERROR' "$log" | tail -n 12 | cut -c 1-300 || true
done
exit "$status"
