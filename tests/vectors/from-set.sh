#!/usr/bin/env bash
# Runs one file of the public vector set; skipped where the set is not there.
# usage: from-set.sh RUN_VECTORS FOLDER NAME
set -u
if [ ! -r "$2/$3.json" ]; then
        echo "skipped: $2/$3.json is not there."
        echo "Get the project's public vector set and name its folder: meson configure -Dvectors=FOLDER (the one that holds diode/ and ethereum/)."
        exit 77
fi
exec "$1" "$2/$3.json"
