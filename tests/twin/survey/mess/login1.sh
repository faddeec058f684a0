#!/usr/bin/env bash
# A login server on which one person who is in no list works. Argument: their public key.
set -euo pipefail
key=$1

useradd --create-home --shell /bin/bash --uid 1600 guest
install -d -m 0700 -o guest -g guest /home/guest/.ssh
printf '%s\n' "$key" >/home/guest/.ssh/authorized_keys
chown guest: /home/guest/.ssh/authorized_keys
install -d -m 0700 /root/.ssh
printf '%s\n' "$key" >/root/.ssh/authorized_keys

# Anybody may write to the journal; this one did so to blame somebody.
setpriv --reuid=guest --regid=guest --clear-groups \
    logger -t sshd 'Accepted publickey for sato from 203.0.113.99 port 1 ssh2: ED25519 SHA256:forged'
