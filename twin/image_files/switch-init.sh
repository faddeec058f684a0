#!/bin/sh
# A switch: Open vSwitch with the userspace datapath, its database kept over restarts, and sshd.
set -eu
db=/etc/openvswitch/conf.db
mkdir -p /run/openvswitch /run/sshd /var/log/openvswitch
[ -e "$db" ] || ovsdb-tool create "$db" /usr/share/openvswitch/vswitch.ovsschema
ovsdb-server "$db" --remote=punix:/run/openvswitch/db.sock --pidfile --detach --log-file -vconsole:emer -vsyslog:off
ovs-vsctl --no-wait init
ovs-vswitchd --pidfile --detach --disable-system --log-file -vconsole:emer -vsyslog:off
# Only now: vsctl waits until the daemon has made what the database says.
ovs-vsctl --timeout=20 --may-exist add-br br0 -- set bridge br0 datapath_type=netdev
# Ports added since the last start; the database keeps those of before as the operators left them.
[ ! -e /etc/twin/ports ] || { sh /etc/twin/ports && rm /etc/twin/ports; }
[ ! -e /etc/twin/management ] || sh /etc/twin/management
# Returns once it listens.
/usr/sbin/sshd -E /var/log/sshd.log
NOTIFY_SOCKET=/run/twin-ready systemd-notify --ready --no-block
exec sleep infinity
