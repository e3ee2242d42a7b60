#!/usr/bin/env bash
# What a shared library exports is what its .sym file lists, each under its version; and it loads no library but
# those that the house's plan allows it.
# usage: exports.sh LIBRARY SYM_FILE NEEDED,NEEDED...
set -u
library=$1
sym=$2
allowed=$3
bad=0

# name@@VERSION, or the bare name in a map without versions; sorted. A wildcard among the globals would list nothing, so it is refused.
listed() {
        awk '/^[A-Za-z_0-9.]+ *\{/ { version = "@@" $1 }
             /global:/ { on = 1; next }
             /local:/ { on = 0 }
             on && /;/ { gsub(/[ \t;]/, ""); print $0 version }' "$sym" | sort
}

if listed | grep -q '[*?[]'; then
        echo "exports: $sym: a wildcard among the global names"
        bad=1
fi
if ! diff <(listed) <(nm -D --defined-only "$library" | awk '$2 != "A" { print $3 }' | sort) >/tmp/kedge-exports.$$; then
        echo "exports: $(basename "$library"): listed (<) and exported (>) differ"
        cat /tmp/kedge-exports.$$
        bad=1
fi
rm -f /tmp/kedge-exports.$$

while read -r needed; do
        case ",$allowed," in *",$needed,"*) continue ;; esac
        case "$needed" in libasan.so* | libubsan.so* | ld-linux*) continue ;; esac
        echo "exports: $(basename "$library") loads $needed"
        bad=1
done < <(readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')

[ "$bad" = 0 ] && echo "exports: $(basename "$library"): ok"
exit "$bad"
