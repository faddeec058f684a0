#!/usr/bin/env bash
# Molecule's scenarios on a twin of their own: those that are named, or all; with --short without what .config/molecule/short.yml leaves out.
# usage: tools/molecule.sh [--short] [SCENARIO]...
# Molecule's notes of what is made already are for this run alone: those of an interrupted one would be wrong, and by default all checkouts
# in directories of one name share them.
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
configs=(--base-config .config/molecule/config.yml)
if [[ ${1-} == --short ]]; then
    configs+=(--base-config .config/molecule/short.yml)
    shift
fi
if (($# == 0)); then
    molecule "${configs[@]}" test --all
else
    for scenario; do molecule "${configs[@]}" test --scenario-name "$scenario"; done
fi
