#!/usr/bin/env bash
# From the last release to this tree, on the same nodes: the release builds and converges a twin of its own inventory, then
# this tree's playbooks converge and validate it, with that inventory, as people do who upgrade.
# Without a release before this commit there is nothing to upgrade from: says so, and ends with 0.
# usage: tools/upgrade_test.sh   (root; environment: UPGRADE_TWIN, KAKEHASHI_STATE)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

root=$PWD
twin=${UPGRADE_TWIN:-upgrade}
overlay=${KAKEHASHI_STATE:-/var/lib/kakehashi}/$twin/overlay

# Of a commit that is a release itself, the release before it counts.
here=HEAD
if git describe --exact-match --tags HEAD >/dev/null 2>&1; then here=HEAD^; fi
if ! tag=$(git describe --tags --abbrev=0 "$here" 2>/dev/null); then
    echo "There is no release before this commit: nothing to upgrade from."
    exit 0
fi

scratch=$(mktemp -d)
old=$scratch/release
finish() {
    status=$?
    [[ ! -x $old/.venv/bin/python ]] || env -C "$old" .venv/bin/python -m twin --name "$twin" down || status=1
    git worktree remove --force "$old" 2>/dev/null || true
    rm -rf "$scratch"
    exit "$status"
}
trap finish EXIT

# What the playbook of this tree does to the twin that the release built.
play() {
    env -C "$old" .venv/bin/python -m twin --name "$twin" run -- \
        env -C "$root" "$root/.venv/bin/ansible-playbook" -i "$old/inventories/twin" -i "$overlay" "playbooks/$1.yml"
}

echo "Upgrade from $tag to $(git describe --tags --always)"
git worktree add --quiet --detach "$old" "$tag"
make --no-print-directory deps
make --no-print-directory -C "$old" TWIN="$twin" INVENTORY=inventories/twin twin-up site

printf '\n==> the playbooks of this tree, on the nodes of %s\n' "$tag"
play site
play validate
echo "The upgrade from $tag is whole: converged and validated."
