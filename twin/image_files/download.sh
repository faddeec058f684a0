#!/bin/sh
# Fetches packages, with all that a base image lacks for them; run with private mounts.
# usage: download.sh BASE SCRATCH TARGET PACKAGE...
set -eu
base=$1 scratch=$2 target=$3
shift 3
root=$scratch/root
mkdir -p "$scratch/upper" "$scratch/work" "$root" "$target"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$scratch/upper,workdir=$scratch/work" "$root"
cp /etc/resolv.conf "$root/etc/resolv.conf"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
chroot "$root" apt-get -qq update
chroot "$root" apt-get -qq -y --no-install-recommends --reinstall --download-only install "$@"
cp "$root"/var/cache/apt/archives/*.deb "$target/"
