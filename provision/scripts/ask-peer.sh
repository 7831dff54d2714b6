#!/bin/sh
# Usage: ask-peer.sh PEER_ADDRESS PEER_DOMAIN
# Report what the other host's name server answers when this host asks for its MX record.
. ./say.sh
. ./patience.sh

say peer-mx dig -r +short +time="$(patience)" +tries=1 @"$1" "$2" MX
say asked echo yes
