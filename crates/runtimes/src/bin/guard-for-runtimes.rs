//! A binary with the guard and the scripted program, for the tests of this crate.

use std::process::ExitCode;

use callboard_process::guard;
use callboard_runtimes::scripted;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    match args.next() {
        Some(command) if command == guard::SUBCOMMAND => guard::main(args),
        Some(command) if command == scripted::SUBCOMMAND => scripted::main(args),
        _ => ExitCode::from(2),
    }
}
