#!/usr/bin/env bash
# Builds Callboard and runs its demo. Needs a Rust toolchain, git and a C compiler, nothing else.
# Everything after the script's name goes to `callboard demo`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export PATH="$PATH:$HOME/.cargo/bin"

missing=0
check() {
  command -v "$1" >/dev/null && return 0
  printf 'quickstart: %s is missing. %s\n' "$1" "$2" >&2
  missing=1
}
check cargo "Install Rust 1.95 or newer from https://rustup.rs and try again."
check git "Install it (Debian, Ubuntu: apt-get install git) and try again."
check cc "Install a C compiler (Debian, Ubuntu: apt-get install build-essential) and try again."
[ $missing = 0 ] || exit 1

printf 'quickstart: building (some minutes the first time) …\n' >&2
cargo build --locked --release -p callboard >&2
printf 'quickstart: built in %s s: target/release/callboard\n' "$SECONDS" >&2
exec "${CARGO_TARGET_DIR:-target}/release/callboard" demo "$@"
