#!/usr/bin/env bash
# lintian, pedantic: no error and no warning, and of its remarks none but those below, whose reasons are there. What
# packaging/debian/*.lintian-overrides sets aside is counted; an override of an error is refused.
# usage: lintian.sh FOLDER
set -u

# Does a word that lintian has read in a program stand in our sources?
in_sources() {
        local word
        word=$(sed -E 's/.*spelling-error-in-binary ("([^"]*)"|([^ ]*)) .*/\2\3/' <<<"$1")
        (cd "$(dirname "$0")/../.." && grep -rqF --include='*.[ch]' -e "$word" agent lib nss pam)
}

# tag, and why it stays; the whole line
stays() {
        case "$1" in
        spelling-error-in-binary) ! in_sources "$2" && echo "that is machine code which looks like a word" ;;
        no-homepage-field) echo "there is no page of the project that outlives this repository" ;;
        package-supports-alternative-init-but-no-init.d-script) echo "what contains the daemons is in the units" ;;
        *) return 1 ;;
        esac
}

out=$(lintian --allow-root --display-info --pedantic --show-overrides "$1"/*.changes 2>&1) || bad=1
bad=${bad:-0} remarks=0
while IFS= read -r line; do
        tag=$(sed -E 's/^[A-Z]: [^:]*: //; s/ .*//' <<<"$line")
        case "$line" in
        [EW]:*) echo "$line" && bad=1 ;;
        [IP]:*) if stays "$tag" "$line" >/dev/null; then remarks=$((remarks + 1)); else echo "$line" && bad=1; fi ;;
        O:*) grep -qE "^Severity: error" "/usr/share/lintian/tags/${tag:0:1}/$tag.tag" && echo "$line" && bad=1 ;;
        esac
done <<<"$out"
[ "$bad" = 0 ] || exit 1
echo "no error and no warning, $remarks remarks, $(grep -c '^O:' <<<"$out") overrides"
