#!/bin/sh
# Usage: apt-install.sh PACKAGE...
# Install packages without the recommended ones.
. ./change.sh

export DEBIAN_FRONTEND=noninteractive
get() {
  apt-get -q -y -o DPkg::Lock::Timeout=120 -o Acquire::Retries=1 -o Acquire::http::Timeout=15 \
    -o Dpkg::Options::=--force-confold "$@" 2>&1
}
# What apt and dpkg themselves call errors.
errors() {
  printf '%s\n' "$said" | grep -E '^(E|Err):|^dpkg: error|No space left' | tail -n 8
}
if [ -n "$(dpkg --audit)" ]; then
  said=$(dpkg --configure -a --force-confold 2>&1) || fail install "$*" "$(errors)"
fi
# Without an answer Postfix is set up from guesses about the host's name, and started. The
# chapter begins with a server that is installed and not configured.
echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
if said=$(get install --no-install-recommends "$@"); then exit 0; fi
case $said in
  # An update does not help if there is no mirror.
  *"Could not resolve"*|*"Could not connect"*|*"Temporary failure"*)
    fail reach-mirror "$*" "$(errors)" ;;
esac
# The package lists may be old.
said=$(get update) || fail reach-mirror "$*" "$(errors)"
said=$(get install --no-install-recommends "$@") && exit 0
case $said in
  *"Failed to fetch"*) fail reach-mirror "$*" "$(errors)" ;;
esac
fail install "$*" "$(errors)"
