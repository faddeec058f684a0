#!/usr/bin/env bash
# Bring a virtual environment to the exact packages of a pinned requirements file. Can be run again at any time.
# usage: tools/make_venv.sh PYTHON VENV PINNED_FILE
set -euo pipefail

python=$1 venv=$2 pinned=$3

if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        echo "$python is not Python 3.11 or later. Name another with 'make PYTHON=/path/to/python3.11 deps'." >&2
        exit 1
    fi
    echo "Making $venv with $("$python" --version) of $python"
    "$python" -m venv --clear "$venv"
fi

echo "Installing $(grep -c '^[a-z]' "$pinned") Python packages, pinned by hash, from $pinned into $venv"
# Each package is pinned, so pip has nothing to resolve; wheels only, so no compiler is needed.
"$venv/bin/python" -m pip install --disable-pip-version-check --no-input --no-deps --require-hashes --only-binary :all: \
    --progress-bar off --requirement "$pinned" | sed -u -n -E 's#^(Collecting|Processing) (\S*/)?(\S+).*#  \3#p'
"$venv/bin/python" -m pip check --disable-pip-version-check
