#!/bin/sh
# Last step of a base image: $1 is its root, the units to mask follow on standard input.
set -eu
root=$1
while read -r unit; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
chroot "$root" systemctl --quiet enable systemd-networkd.service
chroot "$root" systemctl --quiet disable systemd-networkd-wait-online.service
# Each node brings its own.
rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/hostname" "$root/etc/resolv.conf" "$root/var/lib/dbus/machine-id"
: >"$root/etc/machine-id"
# Nothing of /usr is newer than what a first start would bring up to date.
touch "$root/etc/.updated" "$root/var/.updated"
