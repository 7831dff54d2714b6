#!/bin/sh
# Usage: rpm-versions.sh PACKAGE...
# Print those of the packages that are installed with their versions.
for name do
  rpm -q --queryformat '%{NAME} %{VERSION}-%{RELEASE}\n' "$name" | grep -v 'not installed' || :
done
