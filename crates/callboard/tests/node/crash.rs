//! The node is killed at random moments of its main job, again and again: nothing that was done is
//! lost, and nothing is done twice.

use std::collections::BTreeMap;
use std::time::Duration;

use callboard_api::error::Code;
use callboard_api::request::{Message, Plan};
use callboard_client::Client;
use callboard_testkit::poll::{pause, until};
use callboard_testkit::size::Size;
use tokio::time::Instant;
use uuid::Uuid;

use crate::support::{Machine, PATIENCE, Repository};

/// A job's tasks, and what each waits for.
const TASKS: [(&str, &[&str]); 8] = [
    ("a1", &[]),
    ("a2", &[]),
    ("a3", &[]),
    ("b1", &["a1", "a2"]),
    ("b2", &["a2", "a3"]),
    ("b3", &["a1"]),
    ("c1", &["b1", "b2"]),
    ("d1", &["c1", "b3"]),
];

/// How long a node lives at most before it is killed.
const LIFE_MS_MAX: u64 = 2_000;

/// What the recovery of one agent may take: half of the runs are below it.
const RECOVERY_MAX: Duration = Duration::from_secs(2);

/// Of so many kills one is of a node that was not waited for.
const AT_THE_START: u64 = 4;

/// A small generator: the moments of one seed are the same in every run.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        Self(Uuid::now_v7().as_u64_pair().1)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % n
    }
}

/// The jobs of one run: as many as the kills take, one after the other.
struct Jobs {
    effects: String,
    repository: Repository,
    /// Each with its request, and the tasks that were acknowledged.
    requests: Vec<(Plan, Option<Vec<String>>)>,
    messages: Vec<Uuid>,
}

fn plan(project: &str, effects: &str) -> String {
    let mut plan = format!(
        "[plan]\ngoal = \"Add eight files\"\nproject = \"{project}\"\nmax_agents = 3\ncheck = \"test -s README.md\"\n"
    );
    for (task, depends_on) in TASKS {
        let asks = if task == "b1" { "ask touch asked-b1\n" } else { "" };
        plan += &format!(
            r#"
[[task]]
id = "{task}"
title = "Add {task}"
runtime = "scripted"
depends_on = {depends_on:?}
text = """
```script
effect {effects} {project}/{task} 1 80ms
append {task}.txt <<END
one
END
commit {task} one
effect {effects} {project}/{task} 2 80ms
{asks}tokens 100 10
append {task}.txt <<END
two
END
commit {task} two
effect {effects} {project}/{task} 3 80ms
```"""
"#
        );
    }
    plan
}

impl Jobs {
    fn new(machine: &Machine) -> Self {
        let repository = machine.repository("repository");
        let effects = machine.home().join("effects").display().to_string();
        Self { effects, repository, requests: Vec::new(), messages: Vec::new() }
    }

    fn project(number: usize) -> String {
        format!("job-{number}")
    }

    /// Submits the next job where the last one is over: the same request until it is acknowledged.
    fn submit(&mut self, client: &Client) {
        let over =
            |tasks: &Option<Vec<String>>| tasks.as_ref().is_some_and(|it| is_done(client, it));
        if self.requests.last().is_none_or(|(_, tasks)| over(tasks)) {
            let project = Self::project(self.requests.len());
            self.requests.push((self.request(&project), None));
        }
        // A repeat of what was acknowledged changes nothing.
        let (request, tasks) = self.requests.last_mut().expect("just pushed where there was none");
        match client.plan(request) {
            // It is stored, but cannot be shown yet.
            Ok(submitted) if submitted.tasks.is_empty() => {}
            Ok(submitted) => {
                let n_tasks = submitted.tasks.len();
                assert!(tasks.as_ref().is_none_or(|it| *it == submitted.tasks), "{submitted:?}");
                assert_eq!(n_tasks, TASKS.len());
                *tasks = Some(submitted.tasks);
            }
            Err(error) => {
                let later = matches!(error.code(), Code::Unreachable | Code::TimedOut);
                assert!(later, "a request that is repeated is refused: {error}");
            }
        }
    }

    fn request(&self, project: &str) -> Plan {
        Plan {
            id: Uuid::now_v7(),
            plan: plan(project, &self.effects),
            name: "plan.toml".to_owned(),
            repo: self.repository.path().to_owned(),
            folder: self.repository.path().to_owned(),
            agents_max: None,
            runtime: Some("scripted".to_owned()),
        }
    }

    /// Sends a message to each kind of target. Those that are acknowledged must be answered.
    fn send(&mut self, client: &Client) {
        let project = Self::project(self.requests.len() - 1);
        let agents = client.agents(Some(&project)).unwrap_or_default();
        let agent = agents.iter().find(|it| it.state == "working").map(|it| it.id.clone());
        let targets = ["orchestrator".to_owned(), format!("project/{project}")];
        for target in targets.into_iter().chain(agent.map(|id| format!("agent/{id}"))) {
            let id = Uuid::now_v7();
            let text = "How far are you?".to_owned();
            let message =
                Message { id, target, text, priority: None, conversation: None, expires_s: None };
            if client.message(&message).is_ok() {
                self.messages.push(id);
            }
        }
    }

    /// Submits what is open, and waits until every task of every job is done.
    fn finish(&mut self, machine: &Machine) {
        let client = &machine.client();
        until("the last job is submitted", PATIENCE, || match self.requests.last() {
            Some((_, Some(_))) => Some(()),
            _ => {
                self.submit(client);
                None
            }
        });
        let tasks: Vec<_> = self.requests.iter().filter_map(|it| it.1.clone()).flatten().collect();
        for task in &tasks {
            let task = machine.task_is(task, &["done", "failed", "cancelled"]);
            assert_eq!(task.state, "done", "{task:?}");
            assert_eq!(task.attempts, 1, "a crash of the node is no failure: {task:?}");
        }
        assert_eq!(tasks.len(), TASKS.len() * self.requests.len());
    }

    /// Each result holds the work of each task once.
    fn check_results(&self) {
        for number in 0..self.requests.len() {
            let branch = format!("callboard/{}", Self::project(number));
            let log = self.repository.git(&["log", "--no-merges", "--format=%s", &branch]);
            let mut subjects: Vec<_> = log.lines().collect();
            subjects.sort_unstable();
            let mut wanted: Vec<_> = TASKS
                .iter()
                .flat_map(|(it, _)| [format!("{it} one"), format!("{it} two")])
                .collect();
            wanted.push("Begin".to_owned());
            wanted.sort_unstable();
            assert_eq!(subjects, wanted, "{branch}");
            for (task, _) in TASKS {
                let text = self.repository.git(&["show", &format!("{branch}:{task}.txt")]);
                assert_eq!(text, "one\ntwo", "{branch}: {task}");
            }
            self.repository.git(&["show", &format!("{branch}:asked-b1")]);
        }
    }

    /// Every step has ended, once, and none was begun again after that.
    fn check_effects(&self) {
        let trace = std::fs::read_to_string(&self.effects).expect("written by the programs");
        let mut ends: BTreeMap<&str, u32> = BTreeMap::new();
        for line in trace.lines() {
            match line.split_once(' ') {
                Some(("begin", step)) => assert!(!ends.contains_key(step), "{step} was repeated"),
                Some(("end", step)) => *ends.entry(step).or_default() += 1,
                _ => panic!("a torn line: {line:?}"),
            }
        }
        assert_eq!(ends.len(), 3 * TASKS.len() * self.requests.len());
        assert!(ends.values().all(|n| *n == 1), "{ends:?}");
    }

    fn check_messages(&self, client: &Client) {
        for id in &self.messages {
            let receipt = until(&format!("message {id} is answered"), PATIENCE, || {
                client.receipt(&id.to_string()).ok().filter(|it| it.answer.is_some())
            });
            let answers = receipt.history.iter().filter(|it| it.state == "answered").count();
            assert_eq!((receipt.state.as_str(), answers), ("answered", 1), "{receipt:?}");
        }
    }
}

fn is_done(client: &Client, tasks: &[String]) -> bool {
    let done = |task: &String| client.task(task).is_ok_and(|it| it.task.state == "done");
    tasks.iter().all(done)
}

#[test]
#[expect(clippy::print_stderr, reason = "how to find the moments of a failed run again")]
fn killed_at_any_moment_it_loses_nothing_and_repeats_nothing() {
    let kills = Size::of_this_run().pick(12, 200);
    let mut chance = Chance::new();
    eprintln!("{kills} kills, seed {:#x}", chance.0);
    let mut machine = Machine::configured("[approvals]\npolicy = \"approvals.toml\"\n");
    machine.write("approvals.toml", "[commands.any]\nallow = [\"touch *\"]\n");
    let mut jobs = Jobs::new(&machine);
    for kill in 0..kills {
        machine.start();
        if chance.below(AT_THE_START) > 0 || kill == 0 {
            let client = machine.ready();
            jobs.submit(&client);
            jobs.send(&client);
        }
        pause(Duration::from_millis(chance.below(LIFE_MS_MAX)));
        machine.kill();
    }
    let client = machine.up();
    jobs.finish(&machine);
    jobs.check_results();
    jobs.check_effects();
    jobs.check_messages(&client);
    machine.run(&["doctor", "--verify-log"]).check(0, &[]);
    let verified = client.verify_log().expect("the node reads its log");
    assert!(verified.damages.is_empty() && verified.commits > 0, "{verified:?}");
    eprintln!("{} jobs, {} messages, {verified:?}", jobs.requests.len(), jobs.messages.len());
    machine.kill();
    machine.nothing_is_left();
}

/// From the moment that a node answers until an agent that was killed with it works again.
#[test]
#[expect(clippy::print_stderr, reason = "a measured figure")]
fn crash_of_the_node_costs_an_agent_moments() {
    let mut machine = Machine::new();
    let repository = machine.repository("repository");
    let client = machine.up();
    let text = "Wait\n```script\nsay here\nhang\n```";
    let args = ["submit", text, "--runtime", "scripted", "--repo", repository.path()];
    let submitted = machine.json(&args);
    let task = submitted["tasks"][0].as_str().expect("a task");
    machine.task_is(task, &["working"]);
    let working = |client: &Client| {
        let agents = client.agents(None).ok()?;
        agents.into_iter().find(|it| it.state == "working" && it.pid.is_some())
    };
    let mut before = until("its program runs", PATIENCE, || working(&client));
    let mut took = Vec::new();
    for _ in 0..5 {
        machine.kill();
        let client = machine.up();
        let ready = Instant::now();
        before = until("its program runs again", PATIENCE, || {
            working(&client).filter(|it| it.epoch > before.epoch)
        });
        took.push(ready.elapsed());
    }
    took.sort_unstable();
    eprintln!("from the node's first answer to the program at work again: {took:?}");
    assert!(took[took.len() / 2] <= RECOVERY_MAX, "{took:?}");
}
