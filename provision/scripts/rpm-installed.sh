#!/bin/sh
# Usage: rpm-installed.sh PACKAGE...
# Print those of the packages that are installed, one on a line.
for name do if rpm -q --quiet "$name"; then printf '%s\n' "$name"; fi; done
