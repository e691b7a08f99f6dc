//! Where the scripted program's process begins and ends.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use callboard_agent::event::Event;

use super::input::Input;
use super::output::Output;
use super::turn::Player;
use crate::scripted::journal::Journal;
use crate::scripted::protocol::Request;
use crate::scripted::script;

/// The hidden subcommand under which a binary must reach [`main`].
pub const SUBCOMMAND: &str = "scripted-agent";

/// What the program exits with where its session is not there.
const NO_SESSION: u8 = 3;

/// Runs the scripted program: the whole life of its process. `args` are those after [`SUBCOMMAND`]:
/// `new|resume SESSION HOME`.
#[must_use]
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<_> = args.into_iter().collect();
    let [how, session, home] = args.as_slice() else { return ExitCode::from(2) };
    let (Some(how), Some(session)) = (how.to_str(), session.to_str()) else {
        return ExitCode::from(2);
    };
    let home = PathBuf::from(home);
    let journal = match how {
        "new" => Journal::create(&home, session),
        "resume" => Journal::open(&home, session),
        _ => return ExitCode::from(2),
    };
    let result = journal.and_then(|journal| serve(journal, session));
    match result {
        Ok(code) => code,
        Err(error) => {
            complain(session, &error);
            ExitCode::from(NO_SESSION)
        }
    }
}

#[expect(clippy::print_stderr, reason = "the last words of a program")]
fn complain(session: &str, error: &io::Error) {
    eprintln!("failed to go on with session {session}: {error}");
}

fn serve(journal: Journal, session: &str) -> io::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let in_flight = in_flight(&journal);
    let output = Output::default();
    output.tell(&Event::Ready { session: session.to_owned(), in_flight });
    runtime.block_on(async {
        let mut player = Player::new(journal, Input::listen(), output);
        while let Some(request) = player.input.next().await {
            match request {
                Request::Prompt { id, text } => {
                    if let Some(code) = player.play(id, &text).await? {
                        return Ok(ExitCode::from(code));
                    }
                }
                // Late: the turn is over.
                Request::Answer { .. } | Request::Interrupt => {}
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The step that was begun and not ended, in one sentence.
fn in_flight(journal: &Journal) -> Option<String> {
    let run = journal.run().filter(|run| run.in_flight && run.ended.is_none())?;
    let step = script::parse(&run.script).ok()?.into_iter().nth(run.n_done)?;
    let what = step.tool().map_or_else(|| format!("{step:?}"), |(tool, it)| format!("{tool} {it}"));
    Some(format!("step {}: {what}", run.n_done + 1))
}
