# shellcheck shell=sh
# Whether a service starts at boot. Include this file; it does nothing by itself.

# at_boot UNIT: the word of `systemctl is-enabled`, or the state of a unit that systemd refuses.
at_boot() {
  case $(systemctl show --value -p LoadState "$1" 2>/dev/null) in
    bad-setting) echo bad-setting ;;
    *) systemctl is-enabled "$1" ;;
  esac
}
