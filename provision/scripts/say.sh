# shellcheck shell=sh
# How a check's script reports facts. Include this file; it does nothing by itself.

# say KEY COMMAND...: print each line of the command's output behind the key and a tab. A command
# that fails or does not exist prints nothing. It starts no process but the command.
say() {
  key=$1
  shift
  said=$("$@" 2>/dev/null) || :
  [ -z "$said" ] || while IFS= read -r line; do printf '%s\t%s\n' "$key" "$line"; done <<END
$said
END
}
