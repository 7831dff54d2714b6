# shellcheck shell=sh
# Whether a service starts at boot. Include this file; it does nothing by itself.

# at_boot UNIT [RUNNING_UNIT]: the word of `systemctl is-enabled`, or the state of a unit that systemd
# refuses. A masked unit may run until the next boot, and UNIT may be no more than a wrapper of
# RUNNING_UNIT.
at_boot() {
  case $(systemctl show --value -p LoadState "$@" 2>/dev/null) in
    *bad-setting*) echo bad-setting ;;
    *masked*) echo masked ;;
    *) systemctl is-enabled "$1" ;;
  esac
}
