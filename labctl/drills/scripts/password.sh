#!/bin/sh
# Usage: password.sh USER PASSWORD
# Set a password that is no secret.
printf '%s:%s\n' "$1" "$2" | chpasswd
