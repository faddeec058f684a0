#!/usr/bin/env bash
# A node as somebody left it after three years of "just for now". Argument: a public key that ends up everywhere.
set -euo pipefail
key=$1

# nft as others use it: a table of their own, in the form that iptables-nft gives it.
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends nftables >/dev/null
nft 'table ip filter { chain INPUT { type filter hook input priority 0; policy accept; tcp dport 8888 counter accept; }; }'

# People: one in no list, one with another number than the declared, one number taken, root's number twice.
useradd --create-home --shell /bin/bash --uid 1600 guest
echo 'guest:tomato-soup' | chpasswd
useradd --create-home --shell /bin/bash --uid 1700 sato
useradd --no-create-home --shell /usr/sbin/nologin --non-unique --uid 0 toor
install -d -m 0700 -o guest -g guest /home/guest/.ssh
printf 'command="/usr/bin/env TOKEN=hidden",no-pty %s guest@laptop\n%s\n' "$key" "$key" >/home/guest/.ssh/authorized_keys
install -d -m 0700 /root/.ssh
printf '%s\n' "$key" >/root/.ssh/authorized_keys
chown guest: /home/guest/.ssh/authorized_keys
echo 'guest ALL=(ALL) NOPASSWD: /usr/bin/rsync' >/etc/sudoers.d/guest

# sshd: a drop-in that sorts first, and a Match at the end of the main file.
printf 'PermitRootLogin yes\nPasswordAuthentication yes\n' >/etc/ssh/sshd_config.d/01-hand.conf
printf '\nMatch User guest\n    AllowTcpForwarding yes\n' >>/etc/ssh/sshd_config
systemctl reload ssh

# What runs without anybody logged in.
printf '*/5 * * * * guest /usr/bin/rsync --password-file=hidden data: /srv\n' >/etc/cron.d/pull-data
install -d /var/lib/systemd/linger
touch /var/lib/systemd/linger/guest
install -d -o guest -g guest /home/guest/.config/systemd/user/default.target.wants
ln -sf /usr/lib/systemd/user/dbus.service /home/guest/.config/systemd/user/default.target.wants/tunnel.service
systemd-run --quiet --unit=notebook python3 -m http.server --bind :: --directory /srv 8888

# The network: an address and a route of somebody's own, and a second manager.
ip address add 198.51.100.77/24 dev hpc0
ip route add 203.0.113.64/28 via 192.0.2.70
install -d /etc/netplan
echo 'network: {version: 2}' >/etc/netplan/99-hand.yaml
