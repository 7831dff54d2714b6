#!/bin/sh
# Configures both mail servers over OpenSSH: configure.sh FOLDER, with a folder for each host
# that holds its address, account and password, and its files below files/.
set -eu
folder=$1
here=$(dirname "$0")

configure() {
  host=$folder/$1
  ssh="ssh $SSH_OPTIONS -o ControlMaster=auto -o ControlPath=$host/ssh -o ControlPersist=60"
  to=root@$(cat "$host/address")
  cp "$here/on-host.sh" "$host/"
  $ssh "$to" 'mkdir -m 700 -p /root/lab'
  tar -C "$host" -c files account password on-host.sh | $ssh "$to" tar -C /root/lab -x
  $ssh "$to" sh /root/lab/on-host.sh
  $ssh -O exit "$to" 2>/dev/null
}

jobs=
for path in "$folder"/*/; do
  configure "$(basename "$path")" &
  jobs="$jobs $!"
done
for job in $jobs; do wait "$job"; done
