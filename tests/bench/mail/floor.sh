# One host of the bare mail test, run as its account: LETTERS TOKEN PEER SELF.
letters=$1 token=$2 peer=$3 self=$4 box=/var/mail/$USER

send() {
  echo "This is test mail from $USER" | mail -s "Test mail from $USER" -a "X-Token: $token.$1" "$2"
}
await() {
  until [ "$(grep -c "$1" "$box" 2>/dev/null)" = "$2" ]; do sleep 0.01; done
}
number_of() {
  awk "/^From /{ n++ } /$1/{ print n; exit }" "$box"
}
# What is typed to `mail`, and what it must show.
read_mail() {
  printf 'set dot\n%s\nexit\n' "$1" | mail >"$HOME/.read"
  grep -q "$2" "$HOME/.read"
}

send message "$peer"
if [ "$letters" = two ]; then
  await "^X-Token: $token.message" 1
  read_mail 'print 1' 'This is test mail from'
  exit
fi
send local "$self"
await "^X-Token: $token" 2
message=$(number_of "^X-Token: $token.message")
read_mail "print $(number_of "^X-Token: $token.local")
print $message
Reply $message
This is the answer of $USER
." 'This is test mail from'
await '^Subject: Re: Test mail' 1
read_mail "print $(number_of '^Subject: Re: Test mail')" 'This is the answer of'
