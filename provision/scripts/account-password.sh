# shellcheck shell=sh
# has_password USER PASSWORD: true if this is the account's password. Perl is part of every
# supported system. crypt(3) compares, so that a right password is not set again.
has_password() {
  # shellcheck disable=SC2016  # the program is Perl's
  printf '%s' "$2" | perl -e '
    my $hash = (getpwnam $ARGV[0])[1] // "";
    my $password = do { local $/; <STDIN> };
    exit !(length $hash > 1 && (crypt($password, $hash) // "") eq $hash);
  ' "$1"
}
