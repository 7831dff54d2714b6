# Run the script on standard input as root. Its arguments are added to this line.
# On Windows the script's lines arrive with a carriage return at their end.
tr -d '\r' | sudo -n sh -eu -s --
