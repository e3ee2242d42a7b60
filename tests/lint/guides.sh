#!/usr/bin/env bash
# What the guides and the README have the reader type and see is there: verbs and options of kedgectl, manual pages, keys of the
# configuration, and of the table of symptoms the words that our programs say. What steers the test of the guides can be read.
# That the commands do what the guides say is tests/packages' to find out.
# usage: guides.sh SOURCE_FOLDER
set -u
cd "${1:-.}" || exit 2
bad=0 seen=0

say() {
        echo "guides: $*"
        bad=1
}

# What follows the word kedgectl, to the end of the line, of the text in backquotes, or of what is typed in one go.
typed() {
        sed 's/\\$//' "$1" | grep -oE '\bkedgectl( +[^ `|;&]+)+'
}

for page in README.md docs/operators-guide.md docs/developers-guide.md; do
        python3 -B tests/packages/guide.py "$page" || bad=1
        for verb in $(typed "$page" | sed -E 's/^kedgectl +(--[a-z-]+ +)*([a-z]+).*/\2/;t;d' | sort -u); do
                seen=$((seen + 1))
                # Also in a sentence: "kedgectl has no key".
                grep -qE "^ *\{ \"$verb\", \"" agent/kedgectl/main.c || grep -qE "[^\`#\$] kedgectl\`? $verb\b" "$page" || say "$page names kedgectl $verb, which is no verb"
        done
        for option in $(typed "$page" | grep -oE -e '--[a-z][a-z-]*' | sort -u) $(grep -oE '^ +--[a-z][a-z-]*' "$page" | sort -u); do
                grep -qE "^ *\{ \"${option#--}\", " agent/kedgectl/options.c || say "$page names $option, which kedgectl does not take"
        done
        for name in $(grep -oE '`man [a-zA-Z0-9_.-]+`' "$page" | tr -d '`' | sed 's/^man //' | sort -u); do
                compgen -G "docs/man/$name.[0-9].rst" >/dev/null || say "$page names the manual page $name, which is not there"
        done
        for key in $(grep -oE '`[A-Z][a-z][A-Za-z]*=' "$page" | tr -d '`=' | sort -u); do
                grep -qE "^$key=" docs/man/*.rst || say "$page names the key $key=, which no manual page explains"
        done
done
[ "$seen" -ge 10 ] || say "only $seen verbs were found in the guides"

# Of each symptom, what stands in backquotes is said by a program of ours, or is the name of a program or a file.
symptoms=0
while IFS= read -r word; do
        symptoms=$((symptoms + 1))
        case "$word" in /* | getent | kedgectl*) continue ;; esac
        grep -rqF --include='*.c' -e "$word" agent lib pam nss || say "docs/operators-guide.md names '$word', which no program says"
done < <(sed -n '/^## Troubleshooting/,/^## /p' docs/operators-guide.md | sed -n '/^| You see/,$p' | cut -d'|' -f2 | grep -oE '`[^`]+`' | tr -d '`' | sort -u)
[ "$symptoms" -ge 15 ] || say "docs/operators-guide.md has $symptoms symptoms"

[ "$bad" = 0 ] && echo "guides: ok"
exit "$bad"
