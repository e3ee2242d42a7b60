#!/usr/bin/env bash
# The manual pages that are built: each is shown without a warning, and "man NAME" finds every program that is installed
# and every exported function by its own name.
# usage: man_built.sh SOURCE_FOLDER BUILD_FOLDER
set -u
source=$1
build=$2
bad=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80

say() {
        echo "man: $*"
        bad=1
}

[ -e "$build/docs/man/kedged.8" ] || { echo "rst2man is not here (python3-docutils): no page was built"; exit 77; }
command -v man >/dev/null && command -v groff >/dev/null || { echo "man or groff is not here (man-db)"; exit 77; }

# As they are installed: man follows .so lines from there.
mkdir -p "$work/man"
for page in "$build"/docs/man/*.[1-8]; do
        mkdir -p "$work/man/man${page##*.}"
        cp "$page" "$work/man/man${page##*.}/"
done

shown() { # section, name
        man -M "$work/man" --warnings -E UTF-8 "$1" "$2" >"$work/text" 2>"$work/said" || say "man $1 $2: $(head -1 "$work/said")"
        [ ! -s "$work/said" ] || say "man $1 $2: $(head -1 "$work/said")"
        [ -s "$work/text" ] || say "man $1 $2 shows nothing"
}

pages=0
for page in "$work"/man/man*/*; do
        name=${page##*/}
        shown "${name##*.}" "${name%.*}"
        pages=$((pages + 1))
done

functions=0
for f in $(sed -n 's/^ *\(kedge_[a-z0-9_]*\);.*/\1/p' "$source"/lib/*/*.sym); do
        functions=$((functions + 1))
        shown 3 "$f"
        grep -q "$f(" "$work/text" || say "man 3 $f shows a page that does not declare it"
done
[ "$functions" -gt 0 ] || say "no .sym file lists anything"

[ "$bad" = 0 ] && echo "man: $pages pages, $functions functions: ok"
exit "$bad"
