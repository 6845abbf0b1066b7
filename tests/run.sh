#!/usr/bin/env bash
# Install what is missing (tests/install.sh: what only tests want), build, run every test. Last line: N passed, N failed, N skipped.
# usage: tests/run.sh [make check arguments, e.g. TESTS=tests/base/test_rng.t]
set -uo pipefail
cd "$(dirname "$0")/.."
jobs/setup.sh || { echo "0 passed, 1 failed, 0 skipped"; exit 1; }
tests/install.sh

make -C b -s -j"$(nproc)" check "$@" > b/check.log 2>&1
rc=$?
grep -E '^(FAIL|ERROR|XPASS)' b/check.log
count() { sed -n "s/^# $1: *\([0-9]*\)/\1/p" b/check.log | tail -1; }
passed=$(count PASS) failed=$(count FAIL) errors=$(count ERROR) skipped=$(count SKIP)
if [ -z "$passed" ]; then
    tail -40 b/check.log
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi
failed=$((failed + errors))
[ $failed -eq 0 ] || find b/tests -name '*.log' -exec grep -lE '^not ok' {} + | while read -r log; do
    echo "== $log"
    grep -E '^(not ok|#)' "$log" | head -40
done
[ $rc -eq 0 ] || [ $failed -gt 0 ] || failed=1
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
