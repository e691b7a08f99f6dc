#!/bin/sh
# Installs the pinned claude program for the tests into a cache folder outside the repository.
# Safe to run again: does nothing when that version is already there. Prints the program's path.
set -eu

version="${CALLBOARD_TEST_CLAUDE_VERSION:-2.1.328}"
cache="${CALLBOARD_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/callboard-tests}"
folder="$cache/claude-$version"
program="$folder/node_modules/.bin/claude"

works() {
    [ -x "$program" ] && [ "$("$program" --version 2>/dev/null | cut -d' ' -f1)" = "$version" ]
}

if works; then
    echo "claude $version is already in $folder" >&2
    echo "$program"
    exit 0
fi

command -v npm >/dev/null || {
    echo "failed to install claude $version: npm is missing (install Node.js 20 or newer)" >&2
    exit 1
}

echo "installing @anthropic-ai/claude-code@$version from npm into $folder (about 360 MB)" >&2
mkdir -p "$cache"
# Installed aside and renamed, so that an interrupted run leaves nothing that looks complete.
staging=$(mktemp -d "$cache/.claude-$version.XXXXXX")
trap 'rm -rf "$staging"' EXIT
# The package's own install step links the native program; without it there is nothing to run.
npm install --prefix "$staging" --no-audit --no-fund --no-save --ignore-scripts=false \
    --loglevel=error "@anthropic-ai/claude-code@$version" >&2
rm -rf "$folder"
mv "$staging" "$folder"

if ! works; then
    echo "failed to install claude $version: $program does not run or has another version" >&2
    exit 1
fi
echo "$program"
