#!/usr/bin/env bash
# Each guard of mutations/*.txt can be tried: four fields, and a text that stands exactly once in its file.
# usage: guards.sh SOURCE_FOLDER
set -u
cd "${1:-.}" || exit 2
exec python3 - tests/lint/mutations/*.txt <<'END'
import sys

bad = count = 0
for path in sys.argv[1:]:
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        if line.startswith("#") or not line.strip():
            continue
        count += 1
        fields = line.rstrip("\n").split("\t")
        if len(fields) != 4 or not fields[3].strip():
            why = "not file, text, replacement and tests, with a tab between"
        else:
            n = open(fields[0], encoding="utf-8").read().count(fields[1])
            why = None if n == 1 else f"the text stands {n} times in {fields[0]}"
        if why:
            bad += 1
            print(f"guards: {path}:{number}: {why}")
if bad == 0:
    print(f"guards: {count}: ok")
sys.exit(bad > 0 or count == 0)
END
