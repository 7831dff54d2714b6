# shellcheck shell=sh
# Which program the command `mail` is. Include this file; it does nothing by itself.

# is_mailutils: whether it is the one of GNU mailutils. To start it takes longer than to look at its
# file, which Debian's alternatives name.
is_mailutils() {
  case $(readlink -f "$(command -v mail)") in
    *.mailutils) ;;
    *) mail --version 2>/dev/null | grep -qi mailutils ;;
  esac
}
