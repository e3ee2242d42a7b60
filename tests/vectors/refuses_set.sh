# Sourced by refuses_*.sh: one value changed in a copy of a file of the public set must make the runner fail, and say why.
# usage there: refuses_X.sh RUN_VECTORS FOLDER

run=$1
set=$2
bad=0

begin() { # a file that is there if the set is
        if [ ! -r "$set/$1.json" ]; then
                echo "skipped: $set is not there."
                exit 77
        fi
        work=$(mktemp -d "${TMPDIR:-/tmp}/kedge-vectors.XXXXXX")
        trap 'rm -rf "$work"' EXIT
}

changed() { # name, sed expression, expected output
        local out
        sed -E -e "$2" "$set/$1.json" >"$work/copy.json"
        if cmp -s "$set/$1.json" "$work/copy.json"; then
                echo "nothing changed in $1: $2"
                bad=1
        elif out=$("$run" "$work/copy.json"); then
                echo "not noticed: $1: $2"
                bad=1
        elif ! grep -q "$3" <<<"$out"; then
                echo "failed without \"$3\": $1: $2"
                bad=1
        fi
}

end() {
        [ "$bad" = 0 ] && echo "the runner notices"
        exit "$bad"
}
