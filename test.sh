#!/usr/bin/env bash
# Runs every check and every test of this repository; installs what they need where it is missing.
# Needs a Rust toolchain, and the network on the first run. Twice in a row is fine.
#
#   ./test.sh            everything
#   ./test.sh STAGE…     some of: tools fmt clippy tidy deny build doc test
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
exec </dev/null

NEXTEST_VERSION=0.9.143
DENY_VERSION=0.20.2
ALL_STAGES=(tools fmt clippy tidy deny build doc test)
TOOLS="${XDG_CACHE_HOME:-$HOME/.cache}/callboard/tools"

export PATH="$TOOLS/bin:$HOME/.cargo/bin:$PATH"
export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-never}" GIT_TERMINAL_PROMPT=0
profile=default
if [ -n "${CI:-}" ]; then
  profile=ci
  export CARGO_INCREMENTAL=0
fi

say() { printf 'test.sh: %s\n' "$*"; }
die() {
  say "$*" >&2
  exit 1
}

# need PROGRAM PACKAGE: the program, by apt where it is missing and this is allowed.
need() {
  command -v "$1" >/dev/null && return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "$1 is missing: installing the package $2"
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy "$2"; } >/dev/null ||
      die "$1 is missing and apt-get could not install $2"
  else
    die "$1 is missing: install it (Debian: apt-get install $2)"
  fi
}

# need_cargo_tool NAME VERSION: a cargo subcommand, built into the cache where it is missing.
need_cargo_tool() {
  cargo "${1#cargo-}" --version >/dev/null 2>&1 && return 0
  say "$1 is missing: building $1 $2 into $TOOLS (some minutes, once)"
  cargo install --quiet --locked --debug --root "$TOOLS" "$1" --version "$2" ||
    die "$1 could not be built: see above"
}

need_component() {
  cargo "$2" --version >/dev/null 2>&1 && return 0
  say "$1 is missing: rustup component add $1"
  rustup component add "$1" || die "$1 is missing: install it with your Rust toolchain"
}

stage_tools() {
  command -v cargo >/dev/null || die "cargo is missing: install Rust from https://rustup.rs"
  need git git
  need cc build-essential
  need npm npm
  need_component rustfmt fmt
  need_component clippy clippy
  need_cargo_tool cargo-nextest "$NEXTEST_VERSION"
  need_cargo_tool cargo-deny "$DENY_VERSION"
  tests/install-claude.sh
}

stage_fmt() { cargo fmt --all --check; }
stage_clippy() { cargo clippy --quiet --locked --workspace --all-targets -- -D warnings; }
stage_tidy() { cargo xtask tidy; }
stage_build() { cargo build --quiet --locked --workspace; }
stage_test() { cargo nextest run --locked --workspace --profile "$profile" 2>&1; }
stage_doc() { cargo test --quiet --locked --workspace --doc; }

stage_deny() {
  local deny=(cargo deny --config configs/deny.toml)
  "${deny[@]}" check --hide-inclusion-graph bans licenses sources
  if compgen -G "${CARGO_HOME:-$HOME/.cargo}/advisory-db*/*/.git" >/dev/null; then
    say "advisories: checking against the database on this machine"
    "${deny[@]}" check --hide-inclusion-graph --disable-fetch advisories
  elif timeout 20 git ls-remote --quiet https://github.com/RustSec/advisory-db HEAD >/dev/null 2>&1; then
    say "advisories: checking against the newest database"
    "${deny[@]}" check --hide-inclusion-graph advisories
  else
    say "NOT CHECKED: advisories. The RustSec database is neither here nor reachable from here."
    not_checked+=("advisories")
  fi
}

stages=("$@")
[ $# -gt 0 ] || stages=("${ALL_STAGES[@]}")
for stage in "${stages[@]}"; do
  [ "$(type -t "stage_$stage")" = function ] || die "there is no stage $stage: use ${ALL_STAGES[*]}"
done

not_checked=()
timings=()
current=start
on_exit() {
  local status=$?
  [ $status = 0 ] || say "FAILED in stage $current after $SECONDS s" >&2
}
trap on_exit EXIT
for current in "${stages[@]}"; do
  say "== $current"
  begun=$SECONDS
  "stage_$current"
  timings+=("$current $((SECONDS - begun)) s")
done

say "timing: $(printf '%s; ' "${timings[@]}")total $SECONDS s"
[ ${#not_checked[@]} = 0 ] || say "not checked here: ${not_checked[*]}"
say "passed: ${stages[*]}"
