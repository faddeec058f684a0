#!/usr/bin/env bash
# Install the Debian packages of the given lists that are not there yet, and say which.
# usage: tools/apt_install.sh LIST...   (one package a line, '#' starts a comment)
set -euo pipefail

missing=()
while read -r package; do
    state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    [[ $state == installed ]] || missing+=("$package")
done < <(sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$@")

[[ ${#missing[@]} -gt 0 ]] || exit 0

if [[ $(id -u) -ne 0 ]]; then
    echo "Debian packages are missing: ${missing[*]}. Run 'make deps' once as root, or install them yourself with apt." >&2
    exit 1
fi

echo "Installing Debian packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
run() {
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        echo "'$*' failed: see above. Check that apt can reach its archive, then run make again." >&2
        exit 1
    fi
}
# Whoever wants the program for tests does not want a service: masked before it is there, it never starts.
if [[ " ${missing[*]} " == *" openssh-server "* ]]; then
    for unit in ssh.service ssh.socket; do ln -sf /dev/null "/etc/systemd/system/$unit"; done
    echo "openssh-server stays masked (systemctl unmask ssh.service makes it a service)"
fi
run apt-get -q update
run apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 install "${missing[@]}"
