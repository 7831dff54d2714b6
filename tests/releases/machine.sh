#!/bin/sh
# Usage: machine.sh SUITE FOLDER COMMAND...
# Run a command in a machine of another Debian release, as far as one kernel allows: its own root
# file system in a mount namespace, with this machine's kernel, network and control groups. The
# command starts in a copy of the last commit of this checkout. The first call builds the root
# below FOLDER with mmdebstrap. Run as root. Build no image on this machine meanwhile: control
# groups have the same names in both.
set -eu

suite=$1 folder=$2
shift 2
root=$folder/root
if [ ! -e "$folder/complete" ]; then
  mkdir -p "$folder"
  # shellcheck disable=SC2016  # fields of apt's format
  archive=$(apt-get indextargets --format '$(SITE) $(LABEL)' | sed -n 's/ Debian$//p' | head -n 1)
  mmdebstrap --variant=apt \
    --include=mount,python3,python3-venv,git,make,ca-certificates,procps,iproute2 \
    "$suite" "$root" "$archive"
  touch "$folder/complete"
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
# Behind a proxy, this machine's certificates and settings of pip count.
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
[ ! -e /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/pip.conf"
mkdir -p "$root/srv/labctl"
git archive HEAD | tar --extract --directory "$root/srv/labctl"

export HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# shellcheck disable=SC2016  # expanded by the inner shell
exec unshare --mount --propagation private sh -euc '
  root=$1
  shift
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs -o mode=755 run "$root/run"
  mount -t tmpfs -o mode=1777 tmp "$root/tmp"
  cd "$root"
  mkdir -p .old
  pivot_root . .old
  umount -l /.old
  cd /srv/labctl
  # `make check` lists the tracked files.
  git init --quiet
  git add --all
  exec "$@"' machine "$root" "$@"
