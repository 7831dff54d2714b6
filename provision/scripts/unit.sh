# shellcheck shell=sh
# What systemd says of a unit. Include this file; it does nothing by itself.

# about UNIT [RUNNING_UNIT]: set $active, $boot, $fragment and $stale, for which systemd is asked once.
# $known is UNIT then.
# $boot is the word of `systemctl is-enabled`, or the state of a unit that systemd refuses. A masked
# unit may run until the next boot, and UNIT may be no more than a wrapper of RUNNING_UNIT, which is
# the one that is active or not. $stale is yes if systemd has to read UNIT's files again.
# shellcheck disable=SC2034  # the including script uses them
about() {
  known=$1 refused='' active='' boot='' fragment='' stale=''
  while IFS='=' read -r property value; do
    case $property,$value in
      LoadState,bad-setting | LoadState,masked) refused=$value ;;
      ActiveState,*) active=$value ;;
      UnitFileState,*) boot=${boot:-$value} ;;
      FragmentPath,*) fragment=${fragment:-$value} ;;
      NeedDaemonReload,yes) stale=yes ;;
    esac
  done <<END
$(systemctl show -p LoadState -p ActiveState -p UnitFileState -p FragmentPath -p NeedDaemonReload \
  "$@" 2>/dev/null)
END
  case $refused,$boot in
    ?*,*) boot=$refused ;;
    # systemd itself does not know this of a start script.
    ,'' | ,generated) boot=$(systemctl is-enabled "$1" 2>/dev/null) || : ;;
  esac
}

# edited_unit UNIT: whether a file of the unit in /etc that names a command was edited since the unit was
# started. systemd has read it already, and does not look whether the command exists.
edited_unit() {
  set -- "$1" "/etc/systemd/system/$1.service" "/etc/systemd/system/$1.service.d"/*.conf
  name=$1
  [ -f "$2" ] || [ -e "$3" ] || return 1
  shift
  edited=$(find "$@" -cnewer "/run/systemd/units/invocation:$name.service" 2>/dev/null) || :
  # shellcheck disable=SC2086  # one word for each file
  [ -n "$edited" ] && grep -qs '^[[:space:]]*Exec' $edited
}

# say_unit UNIT [RUNNING_UNIT]: `about` it, and report $boot as `enabled` and $active.
say_unit() {
  about "$@"
  # A file of the unit that was edited counts from the next start on.
  if { [ "$stale" = yes ] || edited_unit "$1"; } && systemd-analyze verify "$1.service" 2>&1 |
    grep -q "^$1\.service: .*\(not executable\|bad unit file\|lacks \)"; then boot=bad-setting; fi
  [ -z "$boot" ] || printf 'enabled\t%s\n' "$boot"
  [ -z "$active" ] || printf 'active\t%s\n' "$active"
}

# last_words UNIT: what its program itself said last, as one that did not start does.
last_words() { journalctl --quiet --unit="$1" --lines=1 --output=cat _TRANSPORT=stdout; }

# runs_now: whether the unit that `about` was asked about is active.
runs_now() { case $active in active | reloading) ;; *) return 1 ;; esac }
