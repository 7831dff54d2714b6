# shellcheck shell=sh
# Services under systemd. Include this file; it does nothing by itself.
. ./change.sh
. ./unit.sh

# enabled UNIT [RUNNING_UNIT]: have the unit start at boot. `about` is asked about them first.
enabled() {
  about "$@"
  case $boot in
    # Why systemd refuses it is told when it has to start.
    enabled* | alias | bad-setting) return 0 ;;
    masked*)
      systemctl unmask --quiet "$@"
      about "$@"
      ;;
  esac
  case $boot in
    enabled* | alias)
      changed enabled "$1"
      return 0
      ;;
  esac
  # systemctl gives an init script to update-rc.d, and fails on the unit generated for it.
  case $fragment in
    /run/*) must update-rc.d "$1" enable ;;
    *)
      if ! said=$(systemctl enable --quiet "$1" 2>&1); then
        update-rc.d "$1" enable >/dev/null 2>&1 || fail enable "$1" "$said"
      fi
      ;;
  esac
  changed enabled "$1"
}

# newer_than MARKER FILE...: true if one of the files is newer than the marker.
newer_than() {
  than=$1
  shift
  for file do [ "$file" -nt "$than" ] && return 0; done
  return 1
}

# restarted UNIT [RUNNING_UNIT]: start or restart the unit. RUNNING_UNIT is the unit that must
# be active then, if it is another one.
restarted() {
  systemctl reset-failed "$1" "${2:-$1}" 2>/dev/null || :
  [ "${known:-}" = "$1" ] || about "$1"
  [ "$stale" != yes ] || systemctl daemon-reload
  since=$(date +%s)
  said=$(systemctl restart "$1" 2>&1) || fail start "$1" "$(why_not "$1" "$since" "$said")"
  runs "${2:-$1}" "$since"
  changed restarted "$1"
}

# reloaded UNIT: have the unit read its files again.
reloaded() {
  since=$(date +%s)
  said=$(systemctl reload "$1" 2>&1) || fail reload "$1" "$(why_not "$1" "$since" "$said")"
  changed reloaded "$1"
}

# runs UNIT SINCE: fail unless the unit is active.
runs() {
  case $(systemctl is-active "$1") in
    active|activating|reloading) ;;
    *) fail start "$1" "$(why_not "$1" "$2" '')" ;;
  esac
}

# why_not UNIT SINCE SAID: print why a unit does not run. The program's own check of its files
# names file and line. If the files are right, the unit's journal since SINCE (a time in seconds)
# has the reason. SAID is what systemctl said, for want of better.
why_not() {
  reason=$(wrong_line "$1")
  [ -n "$reason" ] || reason=$(in_journal "$1" "$2" | grep -iE \
    "error|fatal|fail|denied|cannot|can't|could not|no such|not found|in use|unknown|no space" |
    tail -n 6)
  [ -n "$reason" ] || reason=$(in_journal "$1" "$2" | tail -n 6)
  printf '%s\n' "${reason:-$3}"
}

# BIND's list of its build options is the one line that is as long as that.
in_journal() {
  journalctl --sync 2>/dev/null || :
  journalctl --quiet --no-pager --output=cat --since="@$2" "_SYSTEMD_UNIT=${1%.service}.service" |
    grep -vE '.{400}'
}

# wrong_line UNIT: what the program says of its own configuration, if it refuses it.
wrong_line() {
  case $1 in
    named*) wrong=$(named-checkconf 2>&1) && wrong='' ;;
    dovecot*) wrong=$(DOVECOT_HOSTDOMAIN=localhost doveconf -n 2>&1 >/dev/null) && wrong='' ;;
    postfix*)
      wrong=$(postconf 2>&1 >/dev/null | grep -iE 'fatal|error|missing' || :)
      # `postfix check` speaks to a terminal only; script(1) is one for it.
      [ -n "$wrong" ] || wrong=$(script -qec 'postfix check' /dev/null </dev/null 2>&1 |
        tr -d '\r' | grep -iE 'fatal|error' || :)
      ;;
    *) wrong='' ;;
  esac
  [ -z "$wrong" ] || printf '%s\n' "$wrong" | head -n 6
}
