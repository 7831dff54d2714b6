# Install Incus and what it stands on. Debian 12 has it in its backports, later releases in main.
# Nothing is started: the tests run a daemon of their own.
set -eu
export DEBIAN_FRONTEND=noninteractive
incus='incus-base incus-client'
others='btrfs-progs dnsmasq-base iproute2 lxcfs nftables openssh-client uidmap xz-utils'

installed() {
  for name do
    dpkg-query -W -f '${Status}\n' "$name" 2>/dev/null | grep -q '^install ok installed' || return 1
  done
}

# shellcheck disable=SC2086
if installed $incus $others; then exit 0; fi
# shellcheck source=/dev/null
. /etc/os-release
apt-get update
release=
list=/etc/apt/sources.list.d/labctl-backports.list

fail() {
  echo "Incus cannot be installed here: $1" >&2
  echo "Debian 13 has it, and Debian 12 in bookworm-backports. It is needed for make test-incus only." >&2
  exit 3
}

if ! apt-cache policy incus-base | grep -q 'Candidate: [0-9]'; then
  # From where this machine gets the release itself.
  # shellcheck disable=SC2016
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
    "Codename: $VERSION_CODENAME" | head -n 1)
  [ -n "$mirror" ] || fail "no mirror of $VERSION_CODENAME is configured"
  echo "deb $mirror $VERSION_CODENAME-backports main" >$list
  if ! apt-get update || ! apt-cache policy incus-base | grep -q 'Candidate: [0-9]'; then
    rm -f $list
    fail "$mirror has no package incus-base for $VERSION_CODENAME or its backports"
  fi
fi
if apt-cache policy incus-base | grep -q "$VERSION_CODENAME-backports"; then
  release="--target-release=$VERSION_CODENAME-backports"
fi
# A policy that starts no service while packages are installed (invoke-rc.d(8)).
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
  trap 'rm -f $policy' EXIT
fi
# shellcheck disable=SC2086
apt-get install -y --no-install-recommends $release $incus || fail "apt-get failed"
# shellcheck disable=SC2086
apt-get install -y --no-install-recommends $others || fail "apt-get failed"
