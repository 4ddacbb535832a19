#!/bin/sh
# Lints C++ sources with clang-tidy 14:  tools/tidy.sh BUILD_FOLDER [all]
# Without `all`, those that differ from origin/main (from the last commit where there is no such branch).
set -eu
build=$1
if [ "${2:-}" = all ]; then
  files=$(git ls-files 'src/*.cpp' 'tests/*.cpp' 'bench/*.cpp')
else
  base=$(git merge-base HEAD origin/main 2>/dev/null || git rev-parse HEAD)
  files=$({ git diff --name-only --diff-filter=d "$base" -- '*.cpp'; git ls-files --others --exclude-standard '*.cpp'; } | sort -u)
fi
[ -n "$files" ] || { echo "limn: no C++ source differs; make tidy ALL=1 lints all"; exit 0; }
# Only files that the build knows: the others have no flags to be read with.
for file in $files; do
  grep -q "/$file\"" "$build/compile_commands.json" && echo "$file"
done | xargs -r -n 1 -P "$(nproc)" clang-tidy-14 -p "$build" --quiet
