#!/bin/sh
# Usage: fingerprints.sh PATH...
# Print SHA-256, mode, owner and group of each file, or `absent` for what is not a regular file.
for path do
  if [ -f "$path" ] && [ ! -L "$path" ]; then
    printf '%s %s\n' "$(sha256sum <"$path" | cut -c1-64)" "$(stat -c '%a %U %G' -- "$path")"
  else
    echo absent
  fi
done
