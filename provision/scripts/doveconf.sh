# shellcheck shell=sh
# What is set for Dovecot otherwise than it would be by default. Include this file; it asks doveconf
# once, whose complaints are among the lines.

changed=$(doveconf -n 2>&1) || :
# matching SCRIPT: the lines that a script of sed -n prints.
matching() { printf '%s\n' "$changed" | sed -n "$1"; }
# The settings that are in no section: NAME = VALUE.
beside() { matching '/^[a-z0-9_]* = /p'; }
