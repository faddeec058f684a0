#!/usr/bin/env bash
# A switch on which the institution's port was put into the wrong VLAN, and a port was left over from a test.
set -euo pipefail
ovs-vsctl set Port p6 tag=2102
ovs-vsctl --may-exist add-port br0 test1 tag=2100 -- set Interface test1 type=internal
