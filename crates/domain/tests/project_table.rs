//! The project's decisions as tables: what it was told, and what is seen of it then.

use callboard_domain::agent::SeatStatus;
use callboard_domain::fleet::{Priority, Source};
use callboard_domain::id::{AgentId, MessageId, TaskId};
use callboard_domain::message::Message;
use callboard_domain::project::{
    Command, Effect, Evidence, Integration, Limits, NewTask, Project, Rejection, ReviewOutcome,
    SeatState, Spec, Stage, State, TaskState,
};
use callboard_domain::task::{Attempt, Outcome, Published};
use callboard_domain::{Ctx, Entity, agent};
use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

/// Tells a new project `create` and then the words of `script`, one after the other. Only the last may
/// be refused: then its refusal is what is seen, else what `look` finds.
///
/// A plan is written as `plan:a;b<a;c<a+b!high@qa`: labels, `<` what they depend on, `!` the priority,
/// `@` the role. Numbers name tasks (`p-1`) and agents (`p-dev-1`).
fn check(script: &str, look: fn(&State) -> String, expected: &str) {
    let mut scene = Scene { state: State::default(), now: DateTime::UNIX_EPOCH, n_words: 0 };
    let mut refused = scene.say("create").err();
    for word in script.split_whitespace() {
        assert_eq!(refused, None, "{script}: only the last word may be refused");
        refused = scene.say(word).err();
    }
    let seen = refused.map_or_else(|| look(&scene.state), |refused| refused.to_string());
    assert_eq!(seen, expected, "{script}");
}

struct Scene {
    state: State,
    now: DateTime<Utc>,
    n_words: u128,
}

impl Scene {
    fn say(&mut self, word: &str) -> Result<(), Rejection> {
        self.n_words += 1;
        let (word, arg) = word.split_once(':').unwrap_or((word, "1"));
        if word == "wait" {
            self.now += Duration::seconds(arg.parse().expect("a number of seconds"));
            return Ok(());
        }
        let mut ctx = Ctx::new(self.now, 1, "n1", 0.5, Uuid::from_u128(self.n_words));
        for event in Project::decide(&self.state, self.command(word, arg), &mut ctx)? {
            Project::apply(&mut self.state, &event);
        }
        Ok(())
    }

    fn command(&self, word: &str, arg: &str) -> Command {
        let id = Uuid::from_u128(self.n_words);
        let reason = "it broke".to_owned();
        let task = || -> TaskId { format!("p-{arg}").parse().expect("legal") };
        match word {
            "create" => Command::Create { spec: Box::new(spec()) },
            "plan" => Command::Submit { id, tasks: plan(arg), agents_max: None },
            "cancel" => Command::CancelTask { task: task() },
            "retry" => Command::RetryTask { task: task() },
            "due" => Command::RetryDue { task: task() },
            "stop" => Command::Stop { reason },
            "start" => Command::Start,
            "archive" => Command::Archive,
            "fleet_stop" => Command::Fleet { stopped: true },
            "fleet_start" => Command::Fleet { stopped: false },
            "quota" => Command::Quota { agents_max: arg.parse().expect("a number") },
            "accept" => Command::Review { id, accept: true, into: None },
            "accepted" => {
                let [branch, commit] = ["main", "c9"].map(ToOwned::to_owned);
                let id = self.state.review.as_ref().map_or(id, |review| review.id);
                Command::Reviewed { id, outcome: ReviewOutcome::Accepted { branch, commit } }
            }
            "message" => Command::Deliver { message: message() },
            "free" => Command::Seat { agent: self.agent(arg), status: SeatStatus::Idle },
            "gone" => Command::Seat { agent: self.agent(arg), status: SeatStatus::Lost { reason } },
            "idle_due" => Command::IdleDue { agent: self.agent(arg) },
            "let_go" => Command::TaskCancelled { attempt: self.attempt(&task()) },
            "refused" => Command::AssignRefused { attempt: self.attempt(&task()), reason },
            "overdue" => Command::AttemptOverdue { attempt: self.attempt(&task()) },
            _ => self.ended(word, self.attempt(&task())),
        }
    }

    /// How a try, or the merge of its commits, ended.
    fn ended(&self, word: &str, attempt: Attempt) -> Command {
        let reason = "it broke".to_owned();
        let outcome = match word {
            "did" => Outcome::Published(published(&attempt)),
            "no_commit" => Outcome::NoCommit { summary: "I am done".to_owned() },
            "failed" => Outcome::Failed { reason },
            _ => return Command::Integrated { attempt, integration: integration(word) },
        };
        Command::TaskEnded { attempt, outcome }
    }

    fn agent(&self, n: &str) -> AgentId {
        let suffix = format!("-{n}");
        let found = self.state.seats.keys().find(|agent| agent.as_str().ends_with(&suffix));
        found.cloned().unwrap_or_else(|| format!("p-dev-{n}").parse().expect("legal"))
    }

    fn attempt(&self, id: &TaskId) -> Attempt {
        let none = || Attempt { task: id.clone(), n: 0 };
        self.state.tasks.get(id).map_or_else(none, |task| task.attempt())
    }
}

fn integration(word: &str) -> Integration {
    let files = vec!["a.rs".to_owned()];
    match word {
        "merged" => Integration::Merged {
            evidence: Evidence { commit: "m1".to_owned(), ..Evidence::default() },
        },
        "conflict" => Integration::Conflict { files },
        "check_failed" => Integration::CheckFailed { output: "1 test failed".to_owned() },
        _ => panic!("no word of these tables: {word}"),
    }
}

fn published(attempt: &Attempt) -> Published {
    let head = format!("head-{}-{}", attempt.task, attempt.n);
    let [blob, base] = ["b", "c0"].map(ToOwned::to_owned);
    Published { attempt: attempt.clone(), blob, head, base, n_commits: 1 }
}

fn plan(text: &str) -> Vec<NewTask> {
    text.split(';').map(new_task).collect()
}

fn new_task(text: &str) -> NewTask {
    let (text, role) = text.split_once('@').unwrap_or((text, "dev"));
    let (text, priority) = text.split_once('!').unwrap_or((text, "normal"));
    let (label, depends_on) = text.split_once('<').unwrap_or((text, ""));
    let depends_on = depends_on.split('+').filter(|name| !name.is_empty());
    NewTask {
        label: Some(label.to_owned()),
        title: label.to_owned(),
        text: format!("Do {label}."),
        role: role.parse().expect("legal"),
        runtime: None,
        priority: priority.parse().expect("a priority"),
        depends_on: depends_on.map(ToOwned::to_owned).collect(),
        check: None,
        deadline_s: None,
        attempts_max: None,
    }
}

fn spec() -> Spec {
    Spec {
        id: "p".parse().expect("legal"),
        goal: "make it".to_owned(),
        source: Source::Path { path: "/r".to_owned() },
        start: "c0".to_owned(),
        check: None,
        runtime: "scripted".parse().expect("legal"),
        model: None,
        agents_max: 2,
        limits: Limits {
            tasks_max: 10,
            attempts_max: 4,
            retry_delays_ms: vec![1_000, 5_000],
            ..Limits::default()
        },
        agent_limits: agent::Limits::default(),
    }
}

fn message() -> Message {
    Message {
        id: MessageId(Uuid::nil()),
        from: "anna".to_owned(),
        text: "how is it going?".to_owned(),
        priority: Priority::Normal,
        conversation: None,
        expires_at: None,
    }
}

/// Every task's state.
fn tasks(state: &State) -> String {
    let words = state.tasks.values().map(|task| match &task.stage {
        Some(Stage::Working) => "working".to_owned(),
        Some(Stage::Queued { .. }) => "queued".to_owned(),
        Some(Stage::Integrating { .. }) => "integrating".to_owned(),
        Some(Stage::Conflict { by }) => format!("conflict({by})"),
        None => format!("{:?}", task.state).to_lowercase(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Every agent, and what it does.
fn seats(state: &State) -> String {
    let words = state.seats.values().map(|seat| match &seat.state {
        SeatState::Placing => format!("{} placing", seat.agent),
        SeatState::Freeing => format!("{} freeing", seat.agent),
        SeatState::Idle { .. } => format!("{} idle", seat.agent),
        SeatState::Busy { task } => format!("{} {task}", seat.agent),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// Why the tasks are as they are.
fn reasons(state: &State) -> String {
    let reasons = state.tasks.values().filter(|task| task.state != TaskState::Done);
    let reasons = reasons.map(|task| task.reason.as_deref().unwrap_or("-"));
    reasons.collect::<Vec<_>>().join("; ")
}

/// What the newest order says, and the commits from which it goes on.
fn order(state: &State) -> String {
    let order = state.outbox.values().filter_map(|effect| match effect {
        Effect::Assign { brief, .. } => Some(brief),
        _ => None,
    });
    let Some(brief) = order.max_by_key(|brief| brief.attempt.clone()) else {
        return "none".to_owned();
    };
    let from = brief.from.as_ref().map_or("the branch", |published| &published.head);
    format!("{} from {from}: {}", brief.attempt, brief.text.replace('\n', "|"))
}

/// Milliseconds until the first retry, from the beginning.
fn retry_at(state: &State) -> String {
    let due = state.outbox.values().find_map(|effect| match effect {
        Effect::Timer { due, command } if matches!(**command, Command::RetryDue { .. }) => {
            Some(due)
        }
        _ => None,
    });
    due.map_or_else(|| "never".to_owned(), |due| due.timestamp_millis().to_string())
}

fn answer(state: &State) -> String {
    let receipt = state.inbox.receipt(MessageId(Uuid::nil())).expect("it came");
    format!("{:?}: {}", receipt.state, receipt.answer.as_deref().unwrap_or_default())
}

#[test]
fn bad_plans_are_refused_with_the_reason() {
    for (script, expected) in [
        ("plan:a;b<a", "ready pending"),
        (
            "plan:a<b;b<a",
            "failed to accept the tasks: they depend on each other in a circle: a → b → a",
        ),
        (
            "plan:x<a;a<b;b<c;c<a",
            "failed to accept the tasks: they depend on each other in a circle: a → b → c → a",
        ),
        ("plan:a<a", "failed to accept the tasks: they depend on each other in a circle: a → a"),
        (
            "plan:a<z",
            "failed to accept task \"a\": it depends on \"z\", which is neither in this submission nor in the project",
        ),
        ("plan:a;b;a", "failed to accept the tasks: the id \"a\" is given twice"),
        (
            "plan:a cancel:1 plan:b<p-1",
            "failed to accept task \"b\": it depends on p-1, which is cancelled; retry that first",
        ),
        (
            "plan:a;b;c;d;e;f;g;h;i;j;k",
            "failed to accept the tasks: the project has 11 of at most 10",
        ),
        // A name of an earlier plan may be used again; its task is named by its id.
        ("plan:a plan:a<p-1", "ready pending"),
    ] {
        check(script, tasks, expected);
    }
}

#[test]
fn agents_get_the_most_urgent_then_the_oldest_task() {
    for (script, expected) in [
        ("plan:a", "p-dev-1 placing"),
        ("plan:a free:1", "p-dev-1 p-1"),
        ("quota:1 plan:a!low;b;c!high free:1", "p-dev-1 p-3"),
        ("quota:1 plan:a!low;b;c!high free:1 did:3", "p-dev-1 p-2"),
        ("quota:1 plan:a!low;b;c!high free:1 did:3 did:2", "p-dev-1 p-1"),
        ("quota:1 plan:a!low wait:1 plan:b!low free:1", "p-dev-1 p-1"),
        // By number, not by letter.
        (
            "quota:1 plan:a;b;c;d;e;f;g;h;i;j cancel:1 cancel:2 cancel:3 cancel:4 cancel:5 cancel:6 cancel:7 cancel:8 free:1",
            "p-dev-1 p-9",
        ),
        // As many agents as tasks, at most as many as are allowed here and by the share.
        ("plan:a;b;c", "p-dev-1 placing, p-dev-2 placing"),
        ("quota:9 plan:a;b;c", "p-dev-1 placing, p-dev-2 placing"),
        ("quota:1 plan:a;b;c", "p-dev-1 placing"),
        ("quota:0 plan:a;b;c", "p-dev-1 placing"),
        ("plan:a;b free:1 quota:1", "p-dev-1 p-1"),
        // Another role takes the place of an idle agent.
        ("quota:1 plan:a free:1 did:1 plan:b@qa", "p-qa-2 placing"),
        ("plan:a free:1 did:1 idle_due:1", ""),
        ("plan:a free:1 cancel:1", "p-dev-1 freeing"),
        ("plan:a free:1 cancel:1 let_go:1", "p-dev-1 idle"),
        ("plan:a;b<a free:1 free:2", "p-dev-1 p-1"),
    ] {
        check(script, seats, expected);
    }
}

#[test]
fn tries_are_repeated_after_growing_delays_and_then_given_up() {
    for (script, expected) in [
        ("plan:a free:1 failed:1", "1000"),
        ("plan:a free:1 failed:1 due:1 failed:1", "5000"),
        ("plan:a free:1 failed:1 due:1 failed:1 due:1 failed:1", "5000"),
        ("plan:a free:1 failed:1 due:1 failed:1 due:1 failed:1 due:1 failed:1", "never"),
        ("plan:a free:1 failed:1 due:1", "never"),
    ] {
        check(script, retry_at, expected);
    }
    for (script, expected) in [
        ("plan:a free:1 failed:1", "it broke"),
        ("plan:a free:1 no_commit:1", "it ended without a commit: I am done"),
        ("plan:a free:1 overdue:1", "p-1 was not finished within its deadline"),
        ("plan:a free:1 gone:1", "agent p-dev-1 cannot go on: it broke"),
        ("plan:a gone:1", "no agent can take it: it broke"),
        ("plan:a free:1 refused:1", "it broke"),
        (
            "plan:a free:1 failed:1 due:1 failed:1 due:1 failed:1 due:1 failed:1",
            "given up after 4 tries: it broke",
        ),
    ] {
        check(script, reasons, expected);
    }
    for (script, expected) in [
        ("plan:a free:1", "p-1/1 from the branch: Do a."),
        ("plan:a free:1 failed:1 due:1", "p-1/2 from the branch: Do a."),
        (
            "plan:a free:1 no_commit:1 due:1",
            "p-1/2 from the branch: Do a.||The last try failed. Mend it; this is what was found:|You ended without a commit. Commit your work before you end.",
        ),
        (
            "plan:a free:1 did:1 check_failed:1 due:1",
            "p-1/2 from head-p-1-1: Do a.||The last try failed. Mend it; this is what was found:|1 test failed",
        ),
    ] {
        check(script, order, expected);
    }
}

#[test]
fn commits_are_merged_one_at_a_time_and_conflicts_become_tasks() {
    for (script, expected) in [
        ("plan:a free:1 did:1", "integrating"),
        ("plan:a free:1 did:1 did:1", "integrating"),
        ("plan:a free:1 did:1 merged:1", "done"),
        ("plan:a;b<a free:1 did:1 merged:1", "done working"),
        ("plan:a;b free:1 free:2 did:2 did:1", "queued integrating"),
        ("plan:a;b free:1 free:2 did:2 did:1 merged:2", "integrating done"),
        ("plan:a free:1 did:1 check_failed:1", "pending"),
        ("plan:a free:1 did:1 conflict:1", "conflict(p-2) working"),
        ("plan:a free:1 did:1 conflict:1 did:2 merged:2", "done done"),
        ("plan:a free:1 did:1 conflict:1 did:2 conflict:2", "conflict(p-2) pending"),
        ("plan:a free:1 did:1 conflict:1 cancel:2", "cancelled cancelled"),
        ("plan:a free:1 did:1 conflict:1 cancel:1", "cancelled cancelled"),
        // A late word of an older try.
        ("plan:a free:1 merged:1", "working"),
        ("plan:a did:1", "ready"),
    ] {
        check(script, tasks, expected);
    }
}

#[test]
fn cancel_takes_dependents_along_and_retry_brings_them_back() {
    for (script, expected) in [
        ("plan:a;b<a;c<b cancel:1", "cancelled failed failed"),
        ("plan:a;b<a;c<b cancel:1 retry:1", "ready pending pending"),
        ("plan:a;b<a;c<b cancel:3", "ready pending cancelled"),
        // What was cancelled by itself stays so.
        ("plan:a;b<a;c<a cancel:2 cancel:1 retry:1", "ready cancelled pending"),
        ("plan:a cancel:1 cancel:1", "cancelled"),
        ("plan:a free:1 cancel:1 did:1", "cancelled"),
        ("plan:a retry:1", "ready"),
        ("plan:a free:1 did:1 merged:1 cancel:1", "failed to cancel task p-1: it is done"),
        ("plan:a free:1 did:1 merged:1 retry:1", "failed to retry task p-1: it is done"),
        ("plan:a cancel:9", "failed to find task p-9 in this project"),
        (
            "plan:a free:1 did:1 conflict:1 cancel:1 retry:2",
            "failed to retry task p-2: it is a conflict that was given up; retry p-1 instead",
        ),
    ] {
        check(script, tasks, expected);
    }
    check(
        "plan:a;b<a;c<b cancel:1",
        reasons,
        "cancelled by a person; it depends on p-1, which is cancelled; it depends on p-2, which is failed",
    );
}

#[test]
fn result_is_reviewed_when_every_task_is_settled() {
    let review =
        |state: &State| state.review.as_ref().map_or_else(String::new, |r| r.action.clone());
    for (script, expected) in [
        ("accept", "failed to review the result: nothing was merged yet"),
        (
            "plan:a accept",
            "failed to review the result: 1 tasks are not finished; wait for them or cancel them",
        ),
        (
            "plan:a;b<a free:1 did:1 merged:1 accept",
            "failed to review the result: 1 tasks are not finished; wait for them or cancel them",
        ),
        ("plan:a free:1 did:1 merged:1 accept", "accept"),
        (
            "plan:a free:1 did:1 merged:1 accept accept",
            "failed to review the result: accept is under way",
        ),
        ("plan:a free:1 did:1 merged:1 accept accepted accept", "accept"),
    ] {
        check(script, review, expected);
    }
}

#[test]
fn stopped_project_and_stopped_fleet_hold_the_work() {
    for (script, expected) in [
        ("fleet_stop plan:a", "ready"),
        ("plan:a fleet_stop free:1", "ready"),
        ("plan:a fleet_stop free:1 fleet_start", "working"),
        ("plan:a stop free:1", "ready"),
        ("plan:a stop free:1 start", "working"),
        ("plan:a stop fleet_stop free:1 start", "ready"),
        ("plan:a free:1 stop did:1", "queued"),
        ("plan:a free:1 stop did:1 start", "integrating"),
        ("plan:a free:1 stop overdue:1", "working"),
        ("plan:a archive", "cancelled"),
        ("plan:a archive archive", "cancelled"),
        ("archive plan:a", "failed to change the project: it is archived"),
        ("archive message", "failed to change the project: it is archived"),
        ("plan:a archive retry:1", "failed to change the project: it is archived"),
        ("archive start", "failed to change the project: it is archived"),
        ("archive accept", "failed to change the project: it is archived"),
    ] {
        check(script, tasks, expected);
    }
    check("fleet_stop plan:a", seats, "");
    check("fleet_stop plan:a fleet_start", seats, "p-dev-1 placing");
    check("plan:a free:1 archive", seats, "");
}

#[test]
fn message_is_answered_with_a_report() {
    for (script, expected) in [
        (
            "plan:a;b<a free:1 message",
            "Answered: Project p is open: 0 of 2 tasks are done, 1 running, 0 ready, 1 pending, \
             0 failed, 0 cancelled; 1 agents.\n- a (p-1): running by p-dev-1",
        ),
        (
            "fleet_stop plan:a;b;c<b cancel:2 message",
            "Answered: Project p is stopped with the fleet: 0 of 3 tasks are done, 0 running, \
             1 ready, 0 pending, 1 failed, 1 cancelled; 0 agents.\n- a (p-1): next\
             \n- c (p-3): failed: it depends on p-2, which is cancelled",
        ),
    ] {
        check(script, answer, expected);
    }
}
