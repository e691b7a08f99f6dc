//! `callboard demo`: checks, runs, stops, tells.

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use anyhow::Context;
use callboard_api::error::Code;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::check::check;
use super::folder::Folder;
use super::node::{DemoNode, Stopped};
use super::options::{Options, Refused};
use super::play::{Played, play};
use super::screen::Screen;
use super::story::Stage;
use super::summary::{Summary, page, recovered};

/// What a shell expects of a program that ended on Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Runs the demo. Returns 0 when all of it is as it should be, 1 when not, 4 where it cannot run
/// here, 130 after Ctrl-C.
///
/// # Errors
/// The machine does not let it make its folder or start its node, or the node broke down.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let code = runtime.block_on(demo(&options));
    // A thread may still wait for events of the node that is gone.
    runtime.shutdown_background();
    code
}

async fn demo(options: &Options) -> anyhow::Result<ExitCode> {
    if let Err(Refused(why)) = check(options).await {
        // Without a standard error the exit code must do.
        let _ = writeln!(stderr(), "callboard demo: {why}");
        return Ok(ExitCode::from(Code::Refused.exit_code()));
    }
    let mut screen = Screen::new();
    let folder = Folder::make(options).await?;
    screen.say(&format!("a repository and a node of its own in {}", folder.path().display()));
    let mut interrupts = Interrupts::listen()?;
    let node = tokio::select! {
        node = DemoNode::start(&folder) => node.with_context(|| logs(&folder))?,
        () = interrupts.next() => return Ok(give_up(&folder)),
    };
    screen.say(&format!("the node answers at {}", node.client.url()));
    let played = tokio::select! {
        played = play(options, &folder, &node, &mut screen) => Some(played),
        () = interrupts.next() => None,
    };
    screen.clear();
    let stopped = node.stop().await?;
    let Some(played) = played else { return Ok(give_up(&folder)) };
    let played = played.with_context(|| logs(&folder))?;
    finish(options, &folder, &screen, &played, &stopped)
}

fn logs(folder: &Folder) -> String {
    format!("the demo failed; everything is kept in {}", folder.path().display())
}

fn give_up(folder: &Folder) -> ExitCode {
    folder.remove();
    // Without a standard error the exit code must do.
    let _ = writeln!(stderr(), "stopped: the node and its agents are gone");
    ExitCode::from(INTERRUPTED)
}

fn finish(
    options: &Options,
    folder: &Folder,
    screen: &Screen,
    played: &Played,
    stopped: &Stopped,
) -> anyhow::Result<ExitCode> {
    let Played { story, is_merged, tested, count, problems } = played;
    let mut problems = problems.clone();
    match stopped.code {
        Some(0) => screen.say("the node is down"),
        Some(code) => problems.push(format!("the node ended with exit code {code}")),
        None => problems.push("the node did not stop and was killed".to_owned()),
    }
    if !stopped.left.is_empty() {
        problems.push(format!("processes of the node were left: {}", stopped.left.join(", ")));
    }
    let tasks_done = story.n_in(Stage::Done);
    let summary = Summary {
        nodes: 1,
        agents: story.agents.len(),
        tasks_done,
        tasks_failed: story.tasks.len() - tasks_done,
        merged: *is_merged,
        app_tests_passed: tested.fault.is_none(),
        recoveries: recovered(story),
        duplicates: story.n_repeated + count.n_twice,
        lost: count.n_lost,
        seconds: screen.seconds(),
    };
    if summary.duplicates > 0 {
        problems.push(format!("{} steps or commits were done twice", summary.duplicates));
    }
    if summary.lost > 0 {
        problems.push(format!("{} commits are not in the result", summary.lost));
    }
    tell(options, folder, &summary, tested.n_passed, &problems)?;
    Ok(if problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(Code::Failed.exit_code())
    })
}

fn tell(
    options: &Options,
    folder: &Folder,
    summary: &Summary,
    n_tests: u64,
    problems: &[String],
) -> anyhow::Result<()> {
    if problems.is_empty() {
        if !options.keep {
            folder.remove_builds();
        }
        if !options.json {
            write!(stdout(), "{}", page(summary, n_tests, folder))?;
        }
    } else {
        writeln!(stderr(), "\nNot as it should be:")?;
        for problem in problems {
            writeln!(stderr(), "  {problem}")?;
        }
        let (path, log) = (folder.path().display(), folder.log());
        writeln!(stderr(), "Everything is kept in {path}; the node's log is {}", log.display())?;
    }
    if options.json {
        writeln!(stdout(), "{}", serde_json::to_string(summary)?)?;
    }
    Ok(())
}

/// Whatever asks the demo to end.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Interrupts {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
