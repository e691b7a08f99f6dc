//! What each step does to the world.
//!
//! A step whose outcome is unknown, for it was begun in an earlier life, is not blindly repeated:
//! where its effect can be seen it is left as it is.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use callboard_agent::event::{Event, PermissionRequest, Usage};
use callboard_process::command::{self, Spec};
use callboard_process::{Environment, Limits};
use uuid::Uuid;

use super::output::Output;
use crate::scripted::script::Step;

/// How long one command may take.
const COMMAND_WITHIN: Duration = Duration::from_secs(30 * 60);
/// How much of a command's output is shown, from its start and from its end.
const SHOWN_BYTES: usize = 4 * 1024;
/// One line of a flood.
const FLOOD_LINE: &str = "water water water water water water water water water water water water";

/// How a step ended.
#[derive(Debug)]
pub(super) enum Done {
    Well,
    Failed(String),
    Interrupted,
    /// The process is to exit with this code.
    Exit(u8),
}

/// Does one step. Dropping the future kills its command.
pub(super) async fn act(step: &Step, again: bool, output: &Output) -> Done {
    match step {
        Step::Say(text) => output.say(text.as_str()),
        Step::Progress(text) => output.tell(&Event::Progress { text: text.clone() }),
        Step::Tokens { input, output: written, cached } => output.tell(&Event::Usage(Usage {
            input_tokens: *input,
            output_tokens: *written,
            cached_tokens: *cached,
            cost_micro_usd: 0,
        })),
        Step::Sleep(time) => tokio::time::sleep(*time).await,
        Step::Run { command, must_succeed } => return run(command, *must_succeed, output).await,
        Step::Ask { command } => return run(command, false, output).await,
        Step::Commit { message } => return commit(message, output).await,
        Step::Flood(bytes) => flood(*bytes, output),
        Step::Fail(reason) => return Done::Failed(reason.clone()),
        Step::FailOnce { marker, reason } => return fail_once(marker, reason),
        // It was in flight because it did what it was to do.
        Step::Crash | Step::Exit(_) if again => {}
        Step::Crash => std::process::abort(),
        Step::Exit(code) => return Done::Exit(*code),
        Step::Hang => std::future::pending::<()>().await,
        Step::Effect { file, task, step, takes } => {
            return outcome(effect(file, &format!("{task} {step}"), *takes, again).await);
        }
        Step::Write { path, text } => return outcome(write(path, text)),
        Step::Append { path, text } => return outcome(append(path, text, again)),
        Step::Edit { path, old, new } => return edit(path, old, new, again),
    }
    Done::Well
}

/// The request for permission to run `command`.
pub(super) fn request(call: &str, command: &str) -> PermissionRequest {
    let folder = std::env::current_dir().unwrap_or_default();
    PermissionRequest {
        // A new life asks anew: an answer to the old question is not one to this.
        id: format!("{call}-{}", Uuid::now_v7()),
        tool: "Bash".to_owned(),
        command: Some(command.to_owned()),
        files: Vec::new(),
        folder: folder.display().to_string(),
        description: "a step of the script".to_owned(),
    }
}

fn outcome(result: io::Result<()>) -> Done {
    match result {
        Ok(()) => Done::Well,
        Err(error) => Done::Failed(error.to_string()),
    }
}

async fn run(command: &str, must_succeed: bool, output: &Output) -> Done {
    match shell(command, &[]).await {
        Ok(ran) => {
            for shown in [ran.stdout.text(), ran.stderr.text()] {
                if !shown.trim().is_empty() {
                    output.say(shown);
                }
            }
            match ran.ending {
                ending if must_succeed && !ending.success() => {
                    Done::Failed(format!("`{command}` ended with {ending}"))
                }
                _ => Done::Well,
            }
        }
        Err(error) => Done::Failed(error.to_string()),
    }
}

/// Runs a shell command in the working directory, with this program's own environment.
async fn shell(command: &str, args: &[&str]) -> Result<command::Output, command::Error> {
    let folder = std::env::current_dir().unwrap_or_default();
    let limits = Limits { head_bytes: SHOWN_BYTES, tail_bytes: SHOWN_BYTES, ..Limits::default() };
    let spec = Spec::new("/bin/sh", folder).args(["-c", command, "sh"]).args(args);
    command::run(
        Spec { env: Environment::inherited(), ..spec }.deadline(COMMAND_WITHIN).output(limits),
    )
    .await
}

/// The message is an argument: nothing of it is read as shell.
const COMMIT: &str = "git add -A || exit; \
     if git diff --cached --quiet; then echo 'nothing to commit'; exit; fi; \
     git -c user.name='Scripted agent' -c user.email=scripted@callboard.invalid \
     -c commit.gpgsign=false commit -q -m \"$1\" && git log -1 --format='%h %s'";

async fn commit(message: &str, output: &Output) -> Done {
    match shell(COMMIT, &[message]).await {
        Ok(ran) if ran.ending.success() => {
            output.say(ran.stdout.text());
            Done::Well
        }
        Ok(ran) => Done::Failed(format!("no commit: {}", ran.stderr.text().trim())),
        Err(error) => Done::Failed(error.to_string()),
    }
}

fn flood(bytes: u64, output: &Output) {
    let mut left = bytes;
    while left > 0 {
        output.say(FLOOD_LINE);
        left = left.saturating_sub(FLOOD_LINE.len() as u64);
    }
}

fn fail_once(marker: &Path, reason: &str) -> Done {
    match OpenOptions::new().write(true).create_new(true).open(marker) {
        Ok(_) => Done::Failed(reason.to_owned()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Done::Well,
        Err(error) => Done::Failed(error.to_string()),
    }
}

/// One line each, in one write, on the disk: what ended once is never ended again.
async fn effect(file: &Path, what: &str, takes: Duration, again: bool) -> io::Result<()> {
    let end = format!("end {what}\n");
    if again && fs::read_to_string(file)?.lines().any(|line| line == end.trim_end()) {
        return Ok(());
    }
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    file.write_all(format!("begin {what}\n").as_bytes())?;
    tokio::time::sleep(takes).await;
    file.write_all(end.as_bytes())?;
    file.sync_data()
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

fn append(path: &Path, text: &str, again: bool) -> io::Result<()> {
    if again && fs::read_to_string(path).is_ok_and(|it| it.ends_with(text)) {
        return Ok(());
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(text.as_bytes())
}

fn edit(path: &Path, old: &str, new: &str, again: bool) -> Done {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return Done::Failed(error.to_string()),
    };
    match text.matches(old).count() {
        1 => outcome(fs::write(path, text.replacen(old, new, 1))),
        0 if again && text.contains(new) => Done::Well,
        n => Done::Failed(format!("the text to edit is {n} times in {}", path.display())),
    }
}
