#!/usr/bin/env bash
# What lib/core and lib/chain leave undefined: mem*, our own names, and the crypto libraries'. Anything else
# would be a heap, a clock, a file or a random source.
# usage: pure.sh LIBCORE.a LIBCHAIN.a
set -u
core=$1
chain=$2
bad=0

undefined() { nm -u "$@" 2>/dev/null | awk 'NF == 2 && $1 == "U" { print $2 }' | sort -u; }
own() { nm --defined-only "$@" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u; }

# The compiler's own helpers, and the plain memory functions.
common='^(mem(cpy|cmp|set|move|chr)|__mem(cpy|set|move)_chk|explicit_bzero|__explicit_bzero_chk|strlen|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|__assert_fail)$'
sanitizer='^(__asan_|__ubsan_|__sanitizer_|__gcov_|__cyg_)'
crypto='^(wc_|secp256k1_|blst_)'

judge() { # name, extra pattern, archives...
        local name=$1 extra=$2 symbol
        shift 2
        while read -r symbol; do
                [[ $symbol =~ $common || $symbol =~ $sanitizer || $symbol =~ $crypto ]] && continue
                [ -n "$extra" ] && [[ $symbol =~ $extra ]] && continue
                grep -qxF "$symbol" <<<"$ours" && continue
                echo "pure: $name uses $symbol"
                bad=1
        done < <(undefined "$@")
}

base=$(dirname "$(dirname "$core")")/base/libkedge-base.a
ours=$(own "$core" "$chain" "$base")
judge lib/core '' "$core"
judge lib/chain '^(calloc|free)$' "$chain"

[ "$bad" = 0 ] && echo "pure: ok"
exit "$bad"
