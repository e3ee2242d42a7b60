#!/usr/bin/env bash
# What the documents name is there: each path of ours in them (`lib/core/rlp.c`, `docs/man/`), and each room of
# the arrows in docs/HACKING.md stands in arrows.sh with the rooms at its left allowed.
# usage: docs.sh SOURCE_FOLDER
set -u
cd "${1:-.}" || exit 2
bad=0

say() {
        echo "docs: $*"
        bad=1
}

# A path in backquotes that begins with a folder of ours; <module> and the like stand for a name, * too.
for page in README.md docs/*.md docs/protocols/*.md docs/dbus/*.md; do
        [ -e "$page" ] || continue
        while read -r path; do
                pattern=$(sed 's/<[a-z]*>/*/g' <<<"$path")
                compgen -G "$pattern" >/dev/null || say "$page names $path, which is not there"
        done < <(grep -oE '`(lib|agent|nss|pam|tests|docs|packaging)/[^` ]*`' "$page" | tr -d '`' | sort -u)
done
# A bare file name, as in "`store.c` writes": some file of ours has it.
for page in docs/ARCHITECTURE.md docs/HACKING.md; do
        while read -r name; do
                [ -n "$(find lib agent nss pam tests -name "$name" -print -quit)" ] || say "$page names $name, which is nowhere"
        done < <(grep -oE '`[a-z_]+\.(c|h|sh|py)`' "$page" | tr -d '`' | sort -u)
done

# An arrow's line: "base <- core <- chain <- kedged": the room at the right end includes all at its left.
rooms=0
room_of() {
        case "$1" in
        kedged | fetch | kedgectl | netd | ssh | timed) echo "agent/$1" ;;
        nss | pam) echo "$1" ;;
        *) echo "lib/$1" ;;
        esac
}
while read -r line; do
        last=$(awk '{ print $NF }' <<<"$line")
        rooms=$((rooms + 1))
        allowed=$(sed -n "s,^ *$(room_of "$last")) echo \"\(.*\)\" ;;$,\1,p" tests/lint/arrows.sh | head -1)
        [ -n "$allowed" ] || say "docs/HACKING.md draws $last, which arrows.sh does not know"
        for left in ${line// <- / }; do
                case "$left" in
                kedge.h) left=kedge/kedge.h ;;
                "$last") continue ;;
                *) left=$left/ ;;
                esac
                case " $allowed " in *" $left "*) ;; *) say "docs/HACKING.md lets $last use $left, arrows.sh does not" ;; esac
        done
done < <(sed -n '/^```$/,/^```$/p' docs/HACKING.md | sed -n 's/^ *\([a-z.-]*\( <- [a-z.-]*\)\{1,\}\).*/\1/p')
[ "$rooms" -ge 6 ] || say "docs/HACKING.md draws $rooms arrows"

[ "$bad" = 0 ] && echo "docs: ok"
exit "$bad"
