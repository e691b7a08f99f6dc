//! A binary with the guard, for the tests of this crate.

use std::process::ExitCode;

use callboard_process::guard;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    match args.next() {
        Some(command) if command == guard::SUBCOMMAND => guard::main(args),
        _ => ExitCode::from(2),
    }
}
