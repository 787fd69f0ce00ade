#!/bin/sh
# What `make coverage` runs: the tests in a build that counts, then a summary; pages in build/coverage/html. Reads MAKE.
# The exit status is that of the tests.
set -u
root=$(pwd)
rm -rf build/coverage/html
find build/coverage -name '*.gcda' -delete 2>/dev/null
status=0
"$MAKE" --no-print-directory BUILD=coverage check || status=$?
report() {
  lcov -q --capture -d . --base-directory "$root" --no-external -o all.info 2>lcov.log &&
    lcov -q --extract all.info "$root/src/*" "$root/include/*" -o lcov.info &&
    genhtml -q -o html lcov.info && lcov --list lcov.info
}
cd build/coverage && report || echo 'coverage: lcov could not read the counts: see build/coverage/lcov.log'
exit "$status"
