//! Checks and long runs of this repository: `cargo xtask tidy`, `cargo xtask soak`.

mod command;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask COMMAND

  tidy             check layers, module docs, lengths, logs, release notes
  soak [MINUTES]   run the long tests again and again, 30 minutes by default
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["tidy"] => tidy::run(),
        ["soak"] => command::soak("30"),
        ["soak", minutes] => command::soak(minutes),
        ["help" | "--help" | "-h"] => {
            command::say(USAGE);
            return ExitCode::SUCCESS;
        }
        _ => {
            command::complain(USAGE);
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            command::complain(&format!("xtask: {error:#}\n"));
            ExitCode::FAILURE
        }
    }
}
