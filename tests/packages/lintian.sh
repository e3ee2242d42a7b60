#!/usr/bin/env bash
# lintian, pedantic: no error and no warning.
# usage: lintian.sh FOLDER
set -u
out=$(lintian --allow-root --display-info --pedantic "$1"/*.changes 2>&1)
printf '%s\n' "$out" | grep -E '^[EW]:' && exit 1
echo "no error and no warning, $(printf '%s\n' "$out" | grep -cE '^[IP]:') remarks"
