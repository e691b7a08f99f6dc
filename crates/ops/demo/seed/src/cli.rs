//! The commands. So far there is only `help`.

/// Runs one command on the text of a calendar and returns what to print.
pub fn run(arguments: &[String], _calendar: &str) -> Result<String, String> {
    match arguments.first().map(String::as_str) {
        None | Some("help") => Ok("strangers-calendar: help\n".to_owned()),
        Some(other) => Err(format!("there is no command {other}")),
    }
}
