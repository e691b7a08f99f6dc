//! Reads the calendar file, runs one command, prints what it says.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let file = std::env::var("STRANGERS_CALENDAR").unwrap_or_else(|_| "calendar.txt".to_owned());
    let calendar = std::fs::read_to_string(file).unwrap_or_default();
    match strangers_calendar::cli::run(&arguments, &calendar) {
        Ok(output) => {
            print!("{output}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
