# shellcheck shell=sh
# How a step's script reports what it changed and what failed. It does nothing by itself.

# changed KIND SUBJECT: report one change. KIND is one of labctl.results.ChangeKind.
changed() {
  printf 'changed\t%s\t%s\n' "$1" "$2"
}

# fail KIND SUBJECT REASON: report a failure and end the script. KIND is one of
# provision.failures.FailureKind. REASON is what the system said, in one or more lines.
fail() {
  printf 'failed\t%s\t%s\n' "$1" "$2" >&2
  [ -z "$3" ] || printf '%s\n' "$3" | sed 's/^/because\t/' >&2
  exit 1
}

# must COMMAND...: run a command quietly. If it fails, report it with its own words.
must() {
  said=$("$@" 2>&1) || fail run "$*" "$said"
}
