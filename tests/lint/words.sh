#!/usr/bin/env bash
# Words that do not belong in the project: unfinished work, and paths of one person's machine.
# usage: words.sh SOURCE_FOLDER
set -u
cd "${1:-.}" || exit 2

files() { # what git tracks, else every file
        git ls-files 2>/dev/null | grep -q . && git ls-files || find . -type f -not -path './build*'
}
hits=$(files | grep -vE '^(\./)?(tests/vectors/data/|tests/fuzz/corpus/|tests/lint/words\.sh|LICENSE)' |
        tr '\n' '\0' | xargs -0 grep -nIE '\b(TODO|FIXME|XXX|HACK)\b|/(home|root)/[a-z]' -- 2>/dev/null)
if [ -n "$hits" ]; then
        printf '%s\n' "$hits" | sed 's/^/words: /'
        exit 1
fi
echo "words: ok"
