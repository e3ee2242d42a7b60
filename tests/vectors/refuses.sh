#!/usr/bin/env bash
# The runner must fail where a vector does not hold: one value changed in a copy, a form that is not
# known, a file that is none. A runner that says ok to these proves nothing with the rest.
# usage: refuses.sh RUN_VECTORS DATA_FOLDER
set -u
run=$1
data=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/kedge-vectors.XXXXXX")
trap 'rm -rf "$work"' EXIT
bad=0

must_fail() { # what, expected output, file
        local out
        if out=$("$run" "$3"); then
                echo "not noticed: $1"
                bad=1
        elif ! grep -q "$2" <<<"$out"; then
                echo "failed without \"$2\": $1"
                bad=1
        fi
}

changed() { # name, sed expression, expected output
        sed -e "$2" "$data/$1.json" > "$work/copy.json"
        if cmp -s "$data/$1.json" "$work/copy.json"; then
                echo "nothing changed in $1: $2"
                bad=1
        fi
        must_fail "$1: $2" "$3" "$work/copy.json"
}

changed etf 's/"836100"/"836101"/' 'FAIL etf'
changed tickets 's/\("device_digest": *"\)9/\18/' 'FAIL tickets'
changed merkle_generated 's/\("value": *"\)./\1z/' 'FAIL merkle_trees'
changed state_devnet 's/\("state_hash": *"\)6/\15/' 'FAIL state'
changed storage_devnet 's/\("key": *"\)b3/\1b4/' 'FAIL storage'
changed wire_exchange 's/"hello"/"hallo"/' 'FAIL wire'
changed wire_exchange_zlib 's/"pong"/"pang"/' 'FAIL wire'
changed blockquick_attacks 's/\("final_number": *\)717/\1718/' 'FAIL attacks'
changed blockquick_devnet 's/\("final": *\)888/\1889/' 'FAIL blockquick'
changed storage_devnet 's/\("request": *"f8478f6765746163636f756e7476616c75656e94\)7/\16/' 'another request'
changed state_devnet 's/\("bucket": *\)5/\16/' 'another bucket'
changed headers_devnet 's/\("genesis_hash": *"\)4/\15/' 'FAIL headers genesis hash'
changed negative 's/"accept"/"reject"/' 'FAIL negative'
changed negative 's/"recovery id must be 0..3"/"length must be 65"/' 'refused for another reason'

echo '{"items": [{"sort": "of thing"}]}' > "$work/unknown.json"
must_fail "an unknown form" 'unknown form' "$work/unknown.json"
echo '{"items": []}' > "$work/empty.json"
must_fail "no items" 'unknown form' "$work/empty.json"
echo '{"items": [' > "$work/cut.json"
must_fail "no JSON" 'FAIL' "$work/cut.json"
must_fail "no file" 'FAIL' "$work/none.json"

[ "$bad" = 0 ] && echo "the runner notices"
exit "$bad"
