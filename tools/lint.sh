#!/usr/bin/env bash
# Everything that reads the sources without running them. Each tool has its turn, so that one run shows all that is wrong.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PWD/.venv/bin:$PATH"
# Colours and hyperlinks only for eyes.
[[ -t 1 ]] || export NO_COLOR=1

failed=()
check() {
    local name=$1
    shift
    echo "--- $name"
    "$@" || failed+=("$name")
}

mapfile -t scripts < <(git ls-files --cached --others --exclude-standard -- '*.sh' .ci/run | xargs ls -d 2>/dev/null)
check ruff ruff check .
check "ruff format" ruff format --check .
check mypy tools/mypy.sh
check yamllint yamllint --strict .
check shellcheck shellcheck "${scripts[@]}"
check "argument specs" python -m tools.check_argument_specs
check ansible-lint ansible-lint

if [[ ${#failed[@]} -gt 0 ]]; then
    echo "Not clean: ${failed[*]}" >&2
    exit 1
fi
