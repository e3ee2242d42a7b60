#!/usr/bin/env bash
# Files of at most 800 lines, functions under 50, lines of at most 100 columns where LIMIT_100 says so (140
# elsewhere), no tabs: in the product and in the tests.
# usage: length.sh SOURCE_FOLDER
set -u
cd "${1:-.}" || exit 2

LIMIT_100='^(lib/(base|core|wire|kedge|kedge-wolfssl)|nss)/'
find lib agent nss pam tests docs -name '*.[ch]' 2>/dev/null | sort | xargs awk -v narrow="$LIMIT_100" '
        FNR == 1 { if (start) report(); start = 0 }
        FNR == 801 { print "length: " FILENAME ": more than 800 lines"; bad = 1 }
        /\t/ { print "length: " FILENAME ":" FNR ": a tab"; bad = 1 }
        FNR == 1 { limit = FILENAME ~ narrow ? 100 : 140 }
        length($0) > limit { print "length: " FILENAME ":" FNR ": more than " limit " columns"; bad = 1 }
        # A function opens with a line that starts in column 0 (or ends its parameters) and closes with } there.
        /^[A-Za-z_].*\) *\{$/ { start = FNR; name = $0 }
        /^[A-Za-z_][^;={]*\($/ || /^[A-Za-z_][^;={}]*,$/ { head = FNR }
        /^ +.*\) *\{$/ && head && FNR - head < 8 && !start { start = head; name = $0 }
        /^\}/ {
                if (start && FNR - start + 1 >= 50 && FILENAME !~ /^tests\//) {
                        print "length: " FILENAME ":" start ": a function of " FNR - start + 1 " lines: " name
                        bad = 1
                }
                start = 0; head = 0
        }
        END { exit bad }
        function report() { }
'
r=$?
[ "$r" = 0 ] && echo "length: ok"
exit "$r"
