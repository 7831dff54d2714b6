# shellcheck shell=sh
# What PAM's files name (pam.conf(5)). Include this file; it does nothing by itself.

# missing_of FILE...: the lines of PAM's files that name a module or a file that is not there, or that
# begin with no word of PAM, for which it refuses everybody. A line that begins with "-" asks for no
# module. A line end of Windows is a part of the name.
missing_of() {
  before=''
  cat "$@" 2>/dev/null | while read -r kind control rest; do
    # A line may go on with the next one.
    was=$before before=$kind$control$rest
    case $was in *\\) continue ;; esac
    case $kind,$control in
      '#'*,* | -*,* | ,*) ;;
      @include,*) pam_file "$control" || told "$kind $control" ;;
      *,include | *,substack) pam_file "${rest%% *}" || told "$kind $control $rest" ;;
      auth,* | account,* | password,* | session,*)
        pam_module "$control $rest" || told "$kind $control $rest"
        ;;
      *[A-Z]*,*) ;;
      *) told "$kind $control $rest" ;;
    esac
  done
}
# told LINE: print it with the line end of Windows, as `cat -v` shows it.
told() { printf '%s\n' "$1" | sed 's/\r *$/^M/'; }
# everybody FILE: the line by which a service takes every password, before any module asks for it.
everybody() {
  grep -E '^[[:space:]]*(auth|@include)[[:space:]]' "$1" | while read -r kind control module rest; do
    case $kind,$control,$module in
      @include,* | *,include,* | *,substack,* | *,pam_unix.so | *,pam_sss.so) return ;;
      auth,sufficient,pam_permit.so) echo "$kind $control $module $rest" && return ;;
    esac
  done
}
pam_file() { [ -e "/etc/pam.d/$1" ] || [ -e "/usr/lib/pam.d/$1" ] || [ -e "$1" ]; }
# pam_module WORDS: whether the module among the words exists.
pam_module() {
  for word in $1; do
    case $word in
      /*.so) [ -e "$word" ] && return ;;
      *.so)
        for folder in /lib/security /lib64/security /usr/lib/security /usr/lib64/security \
          /lib/*/security /usr/lib/*/security; do
          [ -e "$folder/$word" ] && return
        done
        return 1
        ;;
    esac
  done
  return 1
}
