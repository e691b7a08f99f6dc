//! What a person sees while it runs: live lines on a terminal, plain lines otherwise. On standard
//! error, for standard output is the result's.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::time::Instant;

use super::story::{Agent, Stage, Story, Task};

/// How often the spinners move.
const TICK: Duration = Duration::from_millis(120);
/// Where a title is cut.
const TITLE_CHARS: usize = 46;
/// Where what happens at present is cut, so that a line fits a terminal of 100 columns.
const NOW_CHARS: usize = 34;

/// Where progress is told.
pub(super) struct Screen {
    begun: Instant,
    live: Option<Live>,
}

struct Live {
    all: MultiProgress,
    tasks: BTreeMap<String, ProgressBar>,
    agents: BTreeMap<String, ProgressBar>,
}

impl Screen {
    pub(super) fn new() -> Self {
        let live = stderr().is_terminal().then(|| Live {
            all: MultiProgress::new(),
            tasks: BTreeMap::new(),
            agents: BTreeMap::new(),
        });
        Self { begun: Instant::now(), live }
    }

    /// How long it runs.
    pub(super) fn seconds(&self) -> f64 {
        (self.begun.elapsed().as_secs_f64() * 10.0).round() / 10.0
    }

    /// Tells one thing.
    pub(super) fn say(&self, text: &str) {
        let line = format!("{:>5.1} s  {text}", self.begun.elapsed().as_secs_f64());
        match &self.live {
            // A terminal that is gone needs no words.
            Some(live) => drop(live.all.println(line)),
            None => drop(writeln!(stderr(), "{line}")),
        }
    }

    /// Shows how far tasks and agents are.
    pub(super) fn show(&mut self, story: &Story) {
        let Some(live) = &mut self.live else { return };
        for task in &story.tasks {
            let bar = live.tasks.entry(task.id.clone());
            let bar = bar.or_insert_with(|| line(&live.all, "  {wide_msg}"));
            bar.set_message(task_text(task, story));
        }
        let mut agents: Vec<_> = story.agents.iter().collect();
        agents.sort_by_key(|(_, agent)| agent.n);
        for (id, agent) in agents {
            let bar = live.agents.entry(id.clone());
            let bar = bar.or_insert_with(|| moving(&live.all));
            bar.set_message(agent_text(agent));
        }
    }

    /// Takes the live lines away; what was said stays.
    pub(super) fn clear(&mut self) {
        if let Some(live) = self.live.take() {
            // A terminal that is gone needs no cleaning.
            let _ = live.all.clear();
        }
    }
}

fn line(all: &MultiProgress, template: &str) -> ProgressBar {
    let bar = all.add(ProgressBar::new_spinner());
    let style = ProgressStyle::with_template(template).expect("a good template");
    bar.set_style(style.tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "));
    bar
}

fn moving(all: &MultiProgress) -> ProgressBar {
    let bar = line(all, "  {spinner} {wide_msg}");
    bar.enable_steady_tick(TICK);
    bar
}

fn task_text(task: &Task, story: &Story) -> String {
    let (mark, state) = match task.stage {
        Stage::Waiting => ("·", String::new()),
        Stage::Working => {
            let agent = task.agent.as_deref();
            (">", agent.map(|agent| story.name(agent)).unwrap_or_default())
        }
        Stage::Merging => ("»", "merge".to_owned()),
        Stage::Done => ("✓", "done".to_owned()),
        Stage::Failed => ("✗", "failed".to_owned()),
    };
    let title = cut(&task.title, TITLE_CHARS);
    let now = cut(&task.now, NOW_CHARS);
    format!("{mark} {title:<TITLE_CHARS$} {state:<8} {now}").trim_end().to_owned()
}

fn agent_text(agent: &Agent) -> String {
    let now = cut(&agent.now, TITLE_CHARS + NOW_CHARS);
    format!("agent {}  {now}", agent.n)
}

/// The first line, cut where it is too long.
fn cut(text: &str, n_max: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= n_max {
        return line.to_owned();
    }
    let kept: String = line.chars().take(n_max.saturating_sub(1)).collect();
    format!("{kept}…")
}
