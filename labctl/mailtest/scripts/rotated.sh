# shellcheck shell=sh
# The rotated files of a log. Include this file; it does nothing by itself.

# rotated FILE TEST...: find(1) among them, with more tests. What is compressed cannot be read on.
rotated() {
  rotated_of=$1
  shift
  find "${rotated_of%/*}" -maxdepth 1 -name "${rotated_of##*/}?*" \
    ! -name '*.[gx]z' ! -name '*.bz2' ! -name '*.zst' "$@"
}
