//! The order of the demo, from the submission to the last check.

use std::ops::ControlFlow;

use anyhow::{Context, bail};
use callboard_api::message::Event;
use callboard_api::request;
use callboard_stdx::clock::{Clock, SystemClock};
use callboard_stdx::task::{self, Kind, Task};
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, interval, timeout_at};

use super::count::{Count, count};
use super::fault::strike;
use super::files;
use super::folder::Folder;
use super::node::DemoNode;
use super::options::Options;
use super::review::{self, Tested};
use super::screen::Screen;
use super::story::{Stage, Story};

/// Events that wait for the screen; the reader of the stream waits when it is full.
const EVENTS_MAX: usize = 256;
/// How often the node is asked whether anything more will happen.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What came of the work, and what is wrong with it.
pub(super) struct Played {
    pub(super) story: Story,
    pub(super) is_merged: bool,
    pub(super) tested: Tested,
    pub(super) count: Count,
    pub(super) problems: Vec<String>,
}

/// Lets the agents do the plan, and looks at what they made.
pub(super) async fn play(
    options: &Options,
    folder: &Folder,
    node: &DemoNode,
    screen: &mut Screen,
) -> anyhow::Result<Played> {
    let project = submit(options, folder, node, screen).await?;
    let story = work(options, folder, node, &project, screen).await?;
    screen.clear();
    let mut problems = problems_of(options, &story);
    screen.say("the work is over: the result is accepted into the repository's branch");
    let accepted = review::accept(node, &project).await?;
    if let Err(why) = &accepted {
        problems.push(format!("the result was not accepted: {why}"));
    }
    screen.say("the application's own tests run on the result");
    let tested = review::test(folder).await?;
    problems.extend(tested.fault.as_ref().map(|fault| format!("the application: {fault}")));
    let detail = review::show(node, &project).await?;
    let count = count(options, folder, &detail).await?;
    let verified = node.call(|client| client.verify_log()).await?;
    for damage in &verified.damages {
        problems.push(format!("the log is damaged: {damage}"));
    }
    screen.say(&format!("the log verifies: {} commits", verified.commits));
    Ok(Played { story, is_merged: accepted.is_ok(), tested, count, problems })
}

async fn submit(
    options: &Options,
    folder: &Folder,
    node: &DemoNode,
    screen: &Screen,
) -> anyhow::Result<String> {
    let request = request::Plan {
        id: SystemClock.new_id(),
        plan: files::plan(options)?,
        name: "plan.toml".to_owned(),
        repo: folder.repository().display().to_string(),
        folder: folder.path().display().to_string(),
        agents_max: None,
        runtime: Some(options.runtime().to_owned()),
    };
    let submitted = node.call(move |client| client.plan(&request)).await;
    let submitted = submitted.context("failed to submit the plan")?;
    let n_tasks = submitted.tasks.len();
    screen.say(&format!("project {}: {n_tasks} tasks submitted", submitted.project));
    Ok(submitted.project)
}

/// Follows the log until the work is over; on the way, one agent is killed.
async fn work(
    options: &Options,
    folder: &Folder,
    node: &DemoNode,
    project: &str,
    screen: &mut Screen,
) -> anyhow::Result<Story> {
    let mut story = Story::default();
    let (mut events, _reader) = follow(node);
    let mut look = interval(LOOK_EVERY);
    let mut is_struck = false;
    let end = Instant::now() + options.work_max();
    loop {
        let step = timeout_at(end, async {
            tokio::select! {
                event = events.recv() => take(&mut story, event, screen),
                _ = look.tick() => settled(&story, node, project).await,
            }
        });
        let Ok(flow) = step.await else {
            let (n_done, n) = (story.n_in(Stage::Done), story.tasks.len());
            bail!("{n_done} of {n} tasks are done after {} s", options.work_max().as_secs());
        };
        if !is_struck
            && let Some(victim) = story.victim()
            && let Some(at) = strike(&victim, folder).context("failed to kill an agent")?
        {
            is_struck = true;
            story.note_kill(&victim.agent, at);
            let name = story.name(&victim.agent);
            screen.say(&format!("KILL {name} in the middle of its task, and remove its workspace"));
        }
        screen.show(&story);
        if flow?.is_break() {
            return Ok(story);
        }
    }
}

/// Whether nothing more happens by itself, and the story has all of it: the node's view may be ahead
/// of the event stream.
async fn settled(story: &Story, node: &DemoNode, project: &str) -> anyhow::Result<ControlFlow<()>> {
    let detail = review::show(node, project).await?;
    let n_done = detail.task_list.iter().filter(|task| task.state == "done").count();
    let is_over = detail.project.settled && !story.tasks.is_empty();
    Ok(if is_over && n_done == story.n_in(Stage::Done) {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    })
}

fn take(
    story: &mut Story,
    event: Option<anyhow::Result<Event>>,
    screen: &Screen,
) -> anyhow::Result<ControlFlow<()>> {
    let event = event.context("the event stream ended")?.context("failed to follow the log")?;
    if let Some(text) = story.take(&event) {
        screen.say(&text);
    }
    Ok(if story.is_done() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
}

/// Reads the event stream on a thread of its own, for the client blocks.
fn follow(node: &DemoNode) -> (mpsc::Receiver<anyhow::Result<Event>>, Task<()>) {
    let (tx, events) = mpsc::channel(EVENTS_MAX);
    let client = node.client.clone();
    let read = task::spawn_blocking("follow the demo's log", move || {
        for event in client.events(0) {
            if tx.blocking_send(event.map_err(anyhow::Error::from)).is_err() {
                return;
            }
        }
    });
    (events, task::spawn(Kind::Work, "the demo's log", read))
}

/// What went otherwise than it must.
fn problems_of(options: &Options, story: &Story) -> Vec<String> {
    let mut problems = Vec::new();
    for task in story.tasks.iter().filter(|task| task.stage != Stage::Done) {
        problems.push(format!("task {} ({}) is not done: {}", task.id, task.title, task.now));
    }
    for recovery in &story.recoveries {
        let name = story.name(&recovery.agent);
        match (recovery.killed_at, recovery.ready_at, recovery.workspace.as_deref()) {
            (None, ..) => problems.push(format!("{name} was lost by itself: {}", recovery.reason)),
            (_, None, _) => problems.push(format!("{name} did not come back")),
            (_, _, Some("restored")) => {}
            (_, _, how) => {
                let how = how.unwrap_or("unknown");
                problems.push(format!("{name} did not come back from its checkpoint: {how}"));
            }
        }
    }
    if story.recoveries.is_empty() && options.is_scripted() {
        problems
            .push("no agent was killed: none had a checkpoint in the middle of its task".into());
    }
    problems
}
