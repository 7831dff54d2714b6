# shellcheck shell=sh
# What is set for Dovecot otherwise than it would be by default. Include this file; it asks doveconf
# once, whose complaints are among the lines.

# It prints the host's whole name, for which it would ask the DNS; a name that nobody knows takes it
# ten seconds.
export DOVECOT_HOSTDOMAIN=localhost
changed=$(doveconf -n 2>&1) || :
# matching SCRIPT: the lines that a script of sed -n prints.
matching() { printf '%s\n' "$changed" | sed -n "$1"; }
# The settings that are in no section: NAME = VALUE. Those of a service, or of what knows users and
# passwords, have it before the name, as in "service imap-login: process_limit = 1". A service's
# sockets for other programs keep nobody out.
beside() {
  printf '%s\n' "$changed" | awk '
    /^[a-z0-9_]* = / { print; next }
    /^service .* \{$/ { service = $1 " " $2; next }
    /^(passdb|userdb) ([a-z]+ )?\{$/ { service = $1; next }
    /^\}/ { service = "" }
    service == "" { next }
    /^  (unix_listener|fifo_listener|inet_listener (imaps|pop3s)) / { other = 1; next }
    /^  \}/ { other = 0; next }
    service ~ /db$/ && / (driver|args) = / { next }
    !other && /^ +[a-z0-9_]* = / { sub(/^ +/, ""); print service ": " $0 }'
}
