#!/usr/bin/env bash
# Every exported function has a place in a manual page of section 3, with its prototype; every function that such a
# page declares is exported; every public function is declared in a header with a comment of its own.
# usage: man.sh SOURCE_FOLDER
set -u
cd "${1:-.}" || exit 2
bad=0

say() {
        echo "man: $*"
        bad=1
}

exported=$(cat lib/*/*.sym 2>/dev/null | sed -n 's/^ *\(kedge_[a-z0-9_]*\);.*/\1/p' | sort -u)
pages=$(ls docs/man/*.3.rst 2>/dev/null)
[ -n "$exported" ] || say "no .sym file lists anything"
[ -n "$pages" ] || say "no page docs/man/*.3.rst"

# A declaration in a page is an indented line that begins with a type and holds "kedge_x(".
# shellcheck disable=SC2086
declared=$(grep -hE '^    [a-z].*\bkedge_[a-z0-9_]+\(' $pages /dev/null | grep -oE '\bkedge_[a-z0-9_]+\(' | tr -d '(' | sort -u)

for f in $exported; do
        printf '%s\n' "$declared" | grep -qxF "$f" || say "$f() is exported, but no page declares it"
        grep -hqE "^KEDGE_PUBLIC.*\b$f\(" lib/*/include/kedge/*.h || say "$f() is exported, but no header declares it"
done
for f in $declared; do
        printf '%s\n' "$exported" | grep -qxF "$f" || say "$f() stands in a page, but is not exported"
done

# In a header, a comment /** ... */ ends on the line before each public function.
for header in lib/*/include/kedge/*.h; do
        [ -e "$header" ] || continue
        awk -v file="$header" '
                /^KEDGE_PUBLIC/ && before !~ /\*\/$/ { print "man: " file ":" NR ": no comment says what a caller must know"; bad = 1 }
                { before = $0 }
                END { exit bad }' "$header" || bad=1
done

[ "$bad" = 0 ] && echo "man: ok"
exit "$bad"
