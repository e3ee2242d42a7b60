#!/usr/bin/env bash
# Every header compiles alone: public ones as C99 and as C++, pedantically, with guards and extern "C"; ours as gnu11.
# usage: headers.sh SOURCE_FOLDER BUILD_FOLDER
set -u
source=${1:-.}
build=${2:-build}
work=$(mktemp -d "${TMPDIR:-/tmp}/kedge-headers.XXXXXX")
trap 'rm -rf "$work"' EXIT
bad=0

say() {
        echo "headers: $*"
        bad=1
}

compiles() { # compiler, flags, header, suffix
        printf '#include <%s>\n#include <%s>\nint one_object_at_least;\n' "$3" "$3" > "$work/one.$4"
        # shellcheck disable=SC2086
        $1 $2 $includes -c "$work/one.$4" -o "$work/one.o" 2>"$work/log" || { say "$3 does not compile alone ($1 $2)"; head -5 "$work/log"; }
}

includes=
for folder in "$source"/lib/*/include; do
        [ -d "$folder" ] && includes+=" -I$folder"
done
for header in "$source"/lib/*/include/kedge/*.h; do
        [ -e "$header" ] || continue
        name=kedge/${header##*/}
        guard=KEDGE_$(basename "$header" .h | tr a-z- A-Z_)_H
        compiles "${CC:-cc}" "-std=c99 -pedantic -Wall -Wextra -Werror" "$name" c
        compiles "${CXX:-c++}" "-std=c++11 -pedantic -Wall -Wextra -Werror" "$name" cc
        grep -q "^#ifndef $guard\$" "$header" || say "$name has no guard $guard"
        grep -q '^#pragma once' "$header" && say "$name: guards in public headers, not pragma once"
        grep -q '^extern "C" {' "$header" || say "$name is not for C++: no extern \"C\""
        grep -nE '^ *# *include *"' "$header" && say "$name includes a header that is not public"
done

[ "$bad" = 0 ] || exit 1

includes+=" -I$source/lib -I$source -I$build"
while IFS= read -r header; do
        compiles "${CC:-cc}" "-std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror" "$header" c
done < <(cd "$source/lib" && find base core chain wire -name '*.h' | sort)
while IFS= read -r header; do
        compiles "${CC:-cc}" "-std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror" "$header" c
done < <(cd "$source" && find agent nss -name '*.h' | sort)

[ "$bad" = 0 ] && echo "headers: ok"
exit "$bad"
