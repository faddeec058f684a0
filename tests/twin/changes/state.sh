#!/usr/bin/env bash
# Prints all that a change may touch, to be compared.
cd /
for tree in etc/ssh etc/pam.d etc/security etc/nftables.conf etc/systemd etc/sudoers.d etc/kakehashi etc/passwd etc/group etc/shadow; do
    find "$tree" -printf '%p %y %m %U:%G %T@ %l\n'
    find "$tree" -type f -exec sha256sum {} +
done | grep -v ' d ' | sort
nft -s -t list ruleset
ip -o addr show scope global | sed 's/valid_lft.*//' | sort
ip route show | sort
ip -6 route show | grep -v 'proto kernel' | sort
systemctl is-active ssh.service ssh.socket nftables.service systemd-networkd.service
systemctl is-enabled ssh.service ssh.socket nftables.service
true
