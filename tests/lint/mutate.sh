#!/usr/bin/env bash
# A test must be able to fail. Each line of mutations/*.txt names a guard: a file, a text in it, what to put in its
# place, and the tests that must turn red. The tree is copied, so nothing here is changed.
#
# usage: mutate.sh [--sample N] [--seed S] [--only TEXT] [--list] [--keep]
#   --sample N   N guards, spread over the list (the seed, default the day of the year, says which)
#   --only TEXT  guards whose line holds TEXT
set -u
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
sample=0 seed=$(date +%j) only= list=0 keep=0
while [ $# -gt 0 ]; do
        case "$1" in
        --sample) sample=$2 && shift ;;
        --seed) seed=$2 && shift ;;
        --only) only=$2 && shift ;;
        --list) list=1 ;;
        --keep) keep=1 ;;
        *) sed -n 's/^# \{0,1\}//p' "$0" | sed -n 2,8p >&2 && exit 2 ;;
        esac
        shift
done

guards=$(cat "$here"/mutations/*.txt | grep -vE '^(#|[[:space:]]*$)')
[ -n "$only" ] && guards=$(printf '%s\n' "$guards" | grep -F -- "$only")
if [ "$sample" -gt 0 ]; then
        guards=$(printf '%s\n' "$guards" | awk -v n="$sample" -v seed="$seed" '
                { line[NR] = $0 }
                END { if (n > NR) n = NR; for (i = 0; i < n; i++) print line[(int(i * NR / n) + seed) % NR + 1] }')
fi
[ "$list" = 1 ] && printf '%s\n' "$guards" && exit 0
[ -n "$guards" ] || { echo "mutate: no guards to try" >&2; exit 1; }

work=$(mktemp -d "${TMPDIR:-/tmp}/kedge-mutate.XXXXXX")
[ "$keep" = 1 ] || trap 'rm -rf "$work"' EXIT
mkdir "$work/tree"
(cd "$source" && { git ls-files -z --cached --others --exclude-standard 2>/dev/null || find . -type f -print0; } |
        xargs -0 cp --parents -t "$work/tree" 2>/dev/null)
vectors=$(cd "$source" && realpath -m "${KEDGE_VECTORS:-../shared/vectors}")
meson setup "$work/build" "$work/tree" -Dvectors="$vectors" -Dwerror=false -Doptimization=1 >"$work/setup.log" 2>&1 &&
        ninja -C "$work/build" >"$work/build.log" 2>&1 || { tail -n 30 "$work/setup.log" "$work/build.log" >&2; echo "mutate: the unchanged tree does not build" >&2; exit 1; }

# Puts the replacement in; fails unless the text stands exactly once in the file.
apply() { # file, text, replacement
        python3 - "$work/tree/$1" "$2" "$3" <<'EOF'
import sys
path, old, new = sys.argv[1:]
text = open(path, encoding="utf-8").read()
if text.count(old) != 1:
    sys.exit(f"the text stands {text.count(old)} times in the file")
open(path, "w", encoding="utf-8").write(text.replace(old, new))
EOF
}

# What ninja must build for these tests: their own programs where their names tell, else everything.
ninja -C "$work/build" -t targets all | sed 's/: .*//' >"$work/targets"
programs_of() { # test names
        local name program list=
        while IFS= read -r name; do
                case "$name" in
                'unit pam') program=tests/unit/test_pam list+=" pam/pam_kedge.so" ;;
                'unit ssh') program=tests/unit/test_ssh list+=" agent/ssh/kedge-authorized-keys agent/ssh/kedge-known-hosts" ;;
                'wrap pam') program=tests/wrap/wrap-pam ;;
                'unit '*) program=tests/unit/test_${name#unit } ;;
                'fuzz '*) program=tests/fuzz/fuzz_${name#fuzz } ;;
                'replay attacks' | 'replay random'*) return 0 ;;
                'replay eth random') program=tests/replay/eth_random ;;
                'replay eth recorded') program=tests/replay/eth_recorded ;;
                'replay eth '*) program=tests/replay/eth_replay ;;
                'replay '*) program=tests/replay/replay ;;
                *) return 0 ;;
                esac
                case "$name" in 'unit kedgectl'* | 'unit nss') return 0 ;; esac
                grep -qxF "$program" "$work/targets" || return 0
                list+=" $program"
        done < <(tr , '\n' <<<"$1" | sed 's/^ *//; s/ *$//')
        echo "$list"
}

killed=0 lived=0 broken=0
# An empty replacement leaves two tabs side by side, which read would take for one.
while IFS=$'\x1f' read -r file text replacement tests; do
        why=$(cp "$work/tree/$file" "$work/saved" 2>&1 && apply "$file" "$text" "$replacement" 2>&1) ||
                { echo "BROKEN $file: $text: $why"; broken=$((broken + 1)); continue; }
        # shellcheck disable=SC2046
        if ! ninja -C "$work/build" $(programs_of "$tests") >"$work/build.log" 2>&1; then
                echo "BROKEN $file: $text: does not build with: $replacement"
                broken=$((broken + 1))
        else
                IFS=, read -ra names <<<"$tests"
                for i in "${!names[@]}"; do names[i]=$(echo "${names[i]}" | sed 's/^ *//; s/ *$//'); done
                timeout 300 meson test -C "$work/build" --no-rebuild "${names[@]}" >"$work/test.log" 2>&1
                r=$?
                if grep -qE 'No (suitable )?tests|does not match any test' "$work/test.log"; then
                        echo "BROKEN $file: $text: no such test: $tests"
                        broken=$((broken + 1))
                elif [ "$r" = 0 ]; then
                        echo "LIVED  $file: $text -> $replacement ($tests stayed green)"
                        lived=$((lived + 1))
                else
                        killed=$((killed + 1))
                fi
        fi
        cp "$work/saved" "$work/tree/$file"
        touch "$work/tree/$file"
done <<<"${guards//$'\t'/$'\x1f'}"

echo "mutate: $killed turned red, $lived lived, $broken could not be tried"
[ "$lived" = 0 ] && [ "$broken" = 0 ]
