#!/usr/bin/env bash
# What the compiler and the linker were asked for stands in the files that we install: read-only relocations, bound at
# start; position independence; no stack that runs code; stack protector; the checked libc calls.
# usage: hardening.sh FORTIFIED(yes|no) FILE...
set -u
fortified=$1
shift
bad=0

say() {
        echo "hardening: $*"
        bad=1
}

has() { grep -qE "$1" <<<"$2"; }

judge() { # file
        local file=$1 segments dynamic symbols
        segments=$(readelf -hlW "$file") || { say "$file cannot be read"; return; }
        dynamic=$(readelf -dW "$file")
        symbols=$(readelf --dyn-syms -W "$file")

        has 'Type: +DYN' "$segments" || say "$file: its place in memory is fixed (no PIE)"
        has 'GNU_RELRO' "$segments" || say "$file: relocations stay writable (no RELRO)"
        has '\(FLAGS(_1)?\).*NOW' "$dynamic" || say "$file: calls are bound late (no NOW)"
        has 'GNU_STACK.* RW +0x' "$segments" || say "$file: the stack may hold code"
        has 'LOAD.* RWE ' "$segments" && say "$file: a segment is writable and holds code"
        has 'TEXTREL' "$dynamic" && say "$file: its code is relocated"
        has '__stack_chk_fail' "$symbols" || say "$file: no stack protector"
        [ "$fortified" = no ] || has '__[a-z]*(mem|str|print|bzero)[a-z]*_chk' "$symbols" || say "$file: no checked libc calls"
}

[ $# -gt 0 ] || say "no file is named"
for file in "$@"; do
        judge "$file"
done

[ "$bad" = 0 ] && echo "hardening: $# files: ok"
exit "$bad"
