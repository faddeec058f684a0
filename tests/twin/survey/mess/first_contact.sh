#!/usr/bin/env bash
# A node that only the image's shared user may enter, whose sudo asks for a password. A job of theirs runs for weeks.
set -euo pipefail
cat /home/aoki/.ssh/authorized_keys >>/home/mdxuser/.ssh/authorized_keys
userdel --remove aoki
echo 'mdxuser ALL=(ALL:ALL) ALL' >/etc/sudoers.d/50-bootstrap
echo 'mdxuser:leaf-and-twig' | chpasswd
install -d -m 1730 /var/spool/cron/crontabs
install -m 0600 -o mdxuser /dev/stdin /var/spool/cron/crontabs/mdxuser <<<'@yearly /bin/true'
systemd-run --quiet --unit=training --uid=mdxuser sleep infinity
