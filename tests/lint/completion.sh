#!/usr/bin/env bash
# Every verb and option of kedgectl is in the completions of bash and zsh.
# usage: completion.sh SOURCE_FOLDER
set -u
cd "${1:-.}" || exit 2
bad=0

stands() { # word, file
        grep -qE -e "(^|[^a-z-])$1([^a-z-]|\$)" "$2" || {
                echo "completion: the word $1 is not in $2"
                bad=1
        }
}

verbs=$(sed -n 's/^ *{ "\([a-z]*\)", ".*/\1/p' agent/kedgectl/main.c)
options=$(sed -n 's/^ *{ "\([a-z-]*\)", [a-z]*_argument,.*/--\1/p' agent/kedgectl/options.c)
[ -n "$verbs" ] && [ -n "$options" ] || { echo "completion: kedgectl has no verbs or no options"; bad=1; }
for file in packaging/completion/bash/kedgectl packaging/completion/zsh/_kedgectl; do
        for word in $verbs $options; do
                stands "$word" "$file"
        done
done

[ "$bad" = 0 ] && echo "completion: ok"
exit "$bad"
