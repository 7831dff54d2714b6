#!/bin/sh
# Usage: stream-remove.sh UNIT FOLDER
systemctl stop "$1-*" 2>/dev/null || :
rm -rf "$2"
