#!/usr/bin/env bash
# All of Molecule's scenarios on a twin of their own. Molecule's notes of what is made already are for this run alone: those of
# an interrupted one would be wrong, and by default all checkouts in directories of one name share them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

MOLECULE_EPHEMERAL_DIRECTORY=$(mktemp --directory --tmpdir kakehashi-molecule-XXXXXX)
export MOLECULE_EPHEMERAL_DIRECTORY
trap 'rm -rf "$MOLECULE_EPHEMERAL_DIRECTORY"' EXIT
molecule test --all
