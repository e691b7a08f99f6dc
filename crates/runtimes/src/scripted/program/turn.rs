//! One turn: which script a prompt means, and its steps one after the other.
//!
//! A prompt with the script that is not yet played to its end, or that says to go on, goes on after
//! the last completed step. A prompt that was played to its end before this process started, and
//! whose outcome nobody may have heard, gets that outcome again. Any other script is begun anew. A
//! prompt without a script gets a short answer.

use std::io;

use callboard_agent::event::{Event, TurnOutcome};
use callboard_stdx::digest::sha256_hex;
use uuid::Uuid;

use super::action::{self, Done};
use super::input::Input;
use super::output::Output;
use crate::scripted::journal::{Ended, Journal};
use crate::scripted::protocol::Request;
use crate::scripted::script::{self, Source, Step};

/// How a person or the agent actor says that an interrupted task goes on.
const GO_ON: &str = "go on with your task";

pub(super) struct Player {
    journal: Journal,
    pub(super) input: Input,
    output: Output,
}

/// What a prompt asks for.
enum Wanted {
    Answer(String),
    Again(Ended),
    Steps(Vec<Step>),
    Failure(String),
}

/// How the steps ended.
enum End {
    Turn(Ended),
    Process(u8),
}

impl Player {
    pub(super) fn new(journal: Journal, input: Input, output: Output) -> Self {
        Self { journal, input, output }
    }

    /// Plays one turn. `Some` is the code with which the process is to exit.
    pub(super) async fn play(&mut self, prompt: Uuid, text: &str) -> io::Result<Option<u8>> {
        self.output.tell(&Event::TurnStarted { prompt });
        let ended = match self.wanted(prompt, text)? {
            Wanted::Answer(answer) => {
                self.output.say(answer.clone());
                Ended { outcome: TurnOutcome::Completed, summary: answer }
            }
            Wanted::Again(ended) => ended,
            Wanted::Failure(reason) => failed(reason),
            Wanted::Steps(steps) => match self.steps(&steps).await? {
                End::Turn(ended) => ended,
                End::Process(code) => return Ok(Some(code)),
            },
        };
        self.journal.told();
        let Ended { outcome, summary } = ended;
        self.output.tell(&Event::TurnEnded { prompt, outcome, summary });
        Ok(None)
    }

    fn wanted(&mut self, prompt: Uuid, text: &str) -> io::Result<Wanted> {
        let Some(source) = script::find(text) else { return Ok(self.without_script(text)) };
        let script = match source {
            Source::Text(script) => script,
            Source::File(path) => match std::fs::read_to_string(&path) {
                Ok(script) => script,
                Err(error) => {
                    return Ok(Wanted::Failure(format!("no script {}: {error}", path.display())));
                }
            },
        };
        let steps = match script::parse(&script) {
            Ok(steps) => steps,
            Err(error) => return Ok(Wanted::Failure(error.to_string())),
        };
        let digest = sha256_hex(text.as_bytes());
        if let Some(run) = self.journal.run() {
            match &run.ended {
                None if run.script == script => return Ok(Wanted::Steps(steps)),
                Some(ended) if run.text == digest && run.from_before => {
                    return Ok(Wanted::Again(ended.clone()));
                }
                _ => {}
            }
        }
        self.journal.begin_run(prompt, digest, script)?;
        Ok(Wanted::Steps(steps))
    }

    fn without_script(&self, text: &str) -> Wanted {
        if !text.to_lowercase().contains(GO_ON) {
            let words: Vec<_> = text.split_whitespace().take(12).collect();
            return Wanted::Answer(format!("I read: {}", words.join(" ")));
        }
        match self.journal.run() {
            None => Wanted::Failure("there is no task to go on with".to_owned()),
            Some(run) => match (&run.ended, script::parse(&run.script)) {
                (Some(ended), _) => Wanted::Again(ended.clone()),
                (None, Ok(steps)) => Wanted::Steps(steps),
                (None, Err(error)) => Wanted::Failure(error.to_string()),
            },
        }
    }

    /// Plays what is not done yet.
    async fn steps(&mut self, steps: &[Step]) -> io::Result<End> {
        loop {
            let (n_done, again) =
                self.journal.run().map_or((0, false), |run| (run.n_done, run.in_flight));
            let Some(step) = steps.get(n_done) else {
                let summary = format!("done: {} steps", steps.len());
                return self.ended(Ended { outcome: TurnOutcome::Completed, summary });
            };
            let done = self.step(n_done, step, again).await?;
            match done {
                Done::Well => self.journal.end_step(n_done)?,
                Done::Failed(reason) => {
                    return self.ended(failed(format!("step {}: {reason}", n_done + 1)));
                }
                Done::Interrupted => {
                    // Not ended: "go on" means this one.
                    let summary = format!("interrupted in step {}", n_done + 1);
                    let outcome = TurnOutcome::Interrupted;
                    return Ok(End::Turn(Ended { outcome, summary }));
                }
                Done::Exit(code) => return Ok(End::Process(code)),
            }
        }
    }

    fn ended(&mut self, ended: Ended) -> io::Result<End> {
        self.journal.end_run(ended.clone())?;
        Ok(End::Turn(ended))
    }

    /// Plays one step; `again` where it was begun before and its outcome is unknown.
    async fn step(&mut self, index: usize, step: &Step, again: bool) -> io::Result<Done> {
        let call = format!("step-{}", index + 1);
        if let Step::Ask { command } = step
            && let Some(done) = self.ask(&call, command).await
        {
            return Ok(done);
        }
        self.journal.begin_step(index)?;
        let tool = step.tool();
        if let Some((tool, detail)) = &tool {
            let (tool, detail) = ((*tool).to_owned(), detail.clone());
            self.output.tell(&Event::ToolStarted { call: call.clone(), tool, detail });
        }
        let acting = action::act(step, again, &self.output);
        let done = tokio::select! {
            done = acting => done,
            () = interrupted(&mut self.input) => Done::Interrupted,
        };
        if tool.is_some() {
            let failed = !matches!(done, Done::Well);
            self.output.tell(&Event::ToolEnded { call, failed });
        }
        Ok(done)
    }

    /// Waits for the answer to a permission request. `None` where the command may run.
    async fn ask(&mut self, call: &str, command: &str) -> Option<Done> {
        let request = action::request(call, command);
        let id = request.id.clone();
        self.output.tell(&Event::PermissionRequested(request));
        while let Some(request) = self.input.next().await {
            match request {
                Request::Answer { id: answered, answer } if answered == id => {
                    return match answer {
                        callboard_agent::event::PermissionAnswer::Allow => None,
                        callboard_agent::event::PermissionAnswer::Deny { reason } => {
                            self.output.say(format!("not allowed: {command}: {reason}"));
                            Some(Done::Well)
                        }
                    };
                }
                Request::Interrupt => {
                    self.output.tell(&Event::PermissionCancelled { id });
                    return Some(Done::Interrupted);
                }
                Request::Answer { .. } | Request::Prompt { .. } => {}
            }
        }
        // Nobody can answer any more.
        Some(Done::Exit(0))
    }
}

/// Waits until the turn is interrupted, or nobody can say so any more.
async fn interrupted(input: &mut Input) {
    while let Some(request) = input.next().await {
        if request == Request::Interrupt {
            return;
        }
    }
}

fn failed(reason: String) -> Ended {
    let summary = reason.clone();
    Ended { outcome: TurnOutcome::Failed { reason }, summary }
}
