#!/usr/bin/env bash
# Molecule's scenarios on a twin of their own: those that are named, or all. Molecule's notes of what is made already are for this run alone: those of
# an interrupted one would be wrong, and by default all checkouts in directories of one name share them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

MOLECULE_EPHEMERAL_DIRECTORY=$(mktemp --directory --tmpdir kakehashi-molecule-XXXXXX)
export MOLECULE_EPHEMERAL_DIRECTORY

# A run that is interrupted leaves its twin to us: Molecule destroys it only at a run's own end.
clean_up() {
    trap '' INT TERM
    python -m twin --name "${KAKEHASHI_MOLECULE_TWIN:-molecule}" down || true # it says itself what it could not remove
    rm -rf "$MOLECULE_EPHEMERAL_DIRECTORY"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if (($# == 0)); then
    molecule test --all
else
    for scenario; do molecule test --scenario-name "$scenario"; done
fi
