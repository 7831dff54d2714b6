#!/bin/sh
# Usage: dnf-install.sh PACKAGE...
# Install packages without those that they only recommend (weak dependencies).
. ./change.sh

if said=$(dnf --quiet --assumeyes --setopt=install_weak_deps=False install "$@" 2>&1); then
  exit 0
fi
errors=$(printf '%s\n' "$said" | tail -n 8)
case $said in
  *"Failed to download metadata"*|*"Cannot download"*|*"Could not resolve host"*|*"Curl error"*)
    fail reach-mirror "$*" "$errors" ;;
esac
fail install "$*" "$errors"
