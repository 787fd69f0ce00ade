#!/bin/sh
# compile_commands.sh COMMAND SOURCE...: prints a compilation database in which COMMAND compiles each source.
set -eu
# Prints $1 as a JSON string.
quoted() { printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"; }

command=$1
shift
folder=$(quoted "$(pwd)")
between='['
for source; do
  printf '%s\n{"directory": %s, "file": %s, "command": %s}' \
    "$between" "$folder" "$(quoted "$source")" "$(quoted "$command -c $source")"
  between=,
done
printf '\n]\n'
