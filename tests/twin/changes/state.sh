#!/usr/bin/env bash
# Prints all that a change may touch, to be compared: what it keeps (DEFAULT_TREES of module_utils/changes/record.py), and what
# decides beside it how a host runs and who gets in. Of a directory no time: that of its last entry is nothing a change promises.
cd /
for tree in \
    etc/ssh etc/pam.d etc/security etc/nftables.conf etc/systemd etc/sudoers.d etc/kakehashi etc/sysctl.d etc/profile.d etc/default \
    etc/passwd etc/group etc/shadow etc/gshadow etc/subuid etc/subgid etc/hosts etc/hostname etc/apt/sources.list \
    etc/apt/sources.list.d etc/cron.allow etc/at.allow etc/sudoers etc/tmpfiles.d etc/environment \
    usr/local/bin/kakehashi-certificate usr/local/sbin; do
    [[ -e $tree || -L $tree ]] || continue
    find "$tree" -type d -printf '%p %y %m %U:%G\n' -o -printf '%p %y %m %U:%G %T@ %l\n'
    find "$tree" -type f -exec sha256sum {} +
done | sort
nft -s -t list ruleset
ip -o addr show scope global | sed 's/valid_lft.*//' | sort
ip route show | sort
ip -6 route show | grep -v 'proto kernel' | sort
systemctl is-active ssh.service ssh.socket nftables.service systemd-networkd.service
systemctl is-enabled ssh.service ssh.socket nftables.service
true
