# shellcheck shell=sh
# Where an account is at home. Include this file; it does nothing by itself.

# home_of USER: print the home folder, or nothing if there is no such account.
home_of() { getent passwd "$1" | cut -d: -f6; }
