# Bring everything to the disk, so that a snapshot's disk is whole without its memory. Freezing the
# file system for a moment also empties its journal; some file systems cannot be frozen.
sync
fsfreeze --freeze / 2>/dev/null && fsfreeze --unfreeze / || :
