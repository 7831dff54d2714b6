#!/bin/sh
# Usage: autoconfig-check.sh ADDRESS DOMAIN UNIT
. ./say.sh

say address dig +norecurse +short +time=1 +tries=1 @"$1" "autoconfig.$2" A
say enabled systemctl is-enabled "$3"
