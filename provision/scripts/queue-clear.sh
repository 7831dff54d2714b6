#!/bin/sh
# Usage: queue-clear.sh TOKEN SPOOL
# Remove every message with the token from the queues of Postfix.
. ./queues.sh

token=$1 spool=$2
clear_queues
