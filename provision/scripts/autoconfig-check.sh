#!/bin/sh
# Usage: autoconfig-check.sh ADDRESS DOMAIN UNIT
. ./say.sh
. ./unit.sh
. ./patience.sh

say address dig -r +norecurse +short +time="$(patience)" +tries=1 @"$1" "autoconfig.$2" A
say_unit "$3"
