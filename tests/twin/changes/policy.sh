#!/usr/bin/env bash
# Prints what decides who gets in, times left out: files, what sshd makes of them, and the ruleset that runs.
cd /
find etc/ssh etc/pam.d/sshd etc/security etc/nftables.conf -type f -exec sha256sum {} + | sort
sshd -T
nft -s -t list ruleset
ip -o addr show scope global | sed 's/valid_lft.*//' | sort
systemctl is-active ssh.service nftables.service
true
