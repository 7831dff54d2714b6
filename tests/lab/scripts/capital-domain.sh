#!/bin/sh
# Usage: capital-domain.sh DOMAIN
# Set mydomain in capital letters.
postconf -e "mydomain=$(printf '%s' "$1" | tr '[:lower:]' '[:upper:]')"
