#!/bin/sh
# Usage: programs.sh NAME...
# Report those of the programs that are there.
. ./say.sh

for name do say "$name" command -v "$name"; done
