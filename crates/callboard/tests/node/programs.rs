//! Programs that are missing, misbehave or are killed.

use std::time::Duration;

use callboard_api::agent::Agent;
use callboard_client::Client;
use callboard_testkit::poll::until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Machine, PATIENCE, processes};

/// The agent that has a task, once its program runs.
#[track_caller]
fn agent_of(client: &Client, task: &str) -> Agent {
    until(&format!("a program works on {task}"), PATIENCE, || {
        let agents = client.agents(None).ok()?;
        agents.into_iter().find(|it| {
            it.task.as_deref() == Some(task) && it.state == "working" && it.pid.is_some()
        })
    })
}

/// How many checkpoints were taken; one that found nothing new counts.
fn checkpoints(client: &Client) -> usize {
    let events = client.events_page(0, 1_000).expect("a node");
    events.iter().filter(|it| it.kind == "checkpoint_taken").count()
}

fn kill_guard(agent: &Agent) {
    let pid = agent.pid.and_then(|pid| i32::try_from(pid).ok()).expect("its program runs");
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("its guard lives");
}

/// Kills an agent's guard in the midst of its task, where `lose` may do more damage before the
/// program is started again.
#[track_caller]
fn check_comes_back(lose: impl Fn(&Machine, &Agent)) {
    let limits = "[agent_limits]\nrestart_delays_ms = [3000]\ncheckpoint_every_s = 1\n";
    let mut machine = Machine::configured(limits);
    let repository = machine.repository("repository");
    let client = machine.up();
    let (effects, go) = (machine.home().join("effects"), machine.home().join("go"));
    let trace = || std::fs::read_to_string(&effects).unwrap_or_default();
    let steps = format!(
        "write one.txt <<END\none\nEND\ncommit One\nappend open.txt <<END\nopen\nEND\n\
         effect {} t first\nrun until [ -e {} ]; do sleep 0.05; done\ncommit Open",
        effects.display(),
        go.display()
    );
    let task = machine.submit(&repository, &steps);
    let agent = agent_of(&client, &task);
    until("the first step ended", PATIENCE, || trace().contains("end t first").then_some(()));
    let before = checkpoints(&client);
    // The next one may have begun before; the one after it did not.
    let enough = || (checkpoints(&client) >= before + 2).then_some(());
    until("a checkpoint has it all", PATIENCE, enough);
    kill_guard(&agent);
    lose(&machine, &agent);
    std::fs::write(&go, "").expect("writable");
    let done = machine.task_is(&task, &["done", "failed"]);
    assert_eq!((done.state.as_str(), done.attempts), ("done", 1), "{done:?}");
    assert_eq!(client.agent(&agent.id).expect("it is there").agent.restarts, 1);
    assert_eq!(trace(), "begin t first\nend t first\n", "nothing is done twice");
    let branch = "callboard/repository";
    assert_eq!(repository.git(&["show", &format!("{branch}:one.txt")]), "one");
    assert_eq!(repository.git(&["show", &format!("{branch}:open.txt")]), "open");
    machine.down();
    machine.nothing_is_left();
}

#[test]
fn killed_guard_comes_back_and_completes_its_task() {
    check_comes_back(|_, _| {});
}

#[test]
fn wiped_workspace_is_restored_from_its_checkpoint() {
    check_comes_back(|machine, agent| {
        let workspace = machine.data().join("work/workspaces").join(&agent.id);
        until("its processes are gone", PATIENCE, || {
            processes::of(&workspace).is_empty().then_some(())
        });
        std::fs::remove_dir_all(&workspace).expect("it is there");
    });
}

#[test]
fn missing_programs_are_named_before_anything_begins() {
    let machine = Machine::new();
    let repository = machine.repository("repository");
    let submit = |runtime: &str| {
        machine.run(&["submit", "work", "--repo", repository.path(), "--runtime", runtime])
    };
    submit("claude").check(4, &["claude", "npm install"]);
    submit("nobody").check(4, &["nobody", "scripted", "callboard doctor"]);
    assert_eq!(machine.json(&["projects"]), serde_json::json!([]), "nothing was made");
}

#[test]
fn program_that_exits_at_once_is_quarantined_with_its_reason() {
    let toml = "[programs]\ndescriptions = [\"broken.toml\"]\n\
                [agent_limits]\nrestarts_max = 2\nrestart_delays_ms = [0]\n";
    let mut machine = Machine::configured(toml);
    let description = "name = \"broken\"\nabout = \"Exits\"\nprotocol = \"stream-json\"\n\
                       command = [\"/bin/false\"]\n[resources]\nmemory_mib = 16\ncpu_millis = 10\n";
    machine.write("broken.toml", description);
    let client = machine.up();
    machine.run(&["agent", "create", "ada", "--runtime", "broken"]).check(0, &[]);
    // Programs are started when there is something to do.
    machine.run(&["message", "agent/ada", "hello"]).check(0, &[]);
    let ada = until("it is given up", PATIENCE, || {
        client.agent("ada").ok().filter(|it| it.agent.state == "quarantined")
    });
    assert!(ada.agent.restarts >= 2, "{ada:?}");
    assert!(ada.agent.reason.is_some(), "{ada:?}");
}

#[test]
fn flood_of_output_is_survived_and_kept_small() {
    let mut machine = Machine::new();
    let repository = machine.repository("repository");
    let client = machine.up();
    let steps = "flood 20000000\nwrite a.txt <<END\na\nEND\ncommit A";
    let task = machine.submit(&repository, steps);
    let agent = agent_of(&client, &task);
    assert_eq!(machine.task_is(&task, &["done", "failed"]).state, "done");
    let kept = machine.data().join("output");
    let bytes: u64 = std::fs::read_dir(kept)
        .expect("a folder")
        .map(|it| it.and_then(|it| it.metadata()).map_or(0, |it| it.len()))
        .sum();
    assert!(bytes <= 2 * 1024 * 1024, "{bytes} bytes of the output of {} are kept", agent.id);
}

#[test]
fn hanging_check_is_killed_and_fails_its_task() {
    let toml = "[project]\ncheck = \"echo checking; sleep 98765\"\n\
                [project_limits]\ncheck_s_max = 1\nattempts_max = 1\n";
    let mut machine = Machine::configured(toml);
    let repository = machine.repository("repository");
    machine.up();
    let task = machine.submit(&repository, "write a.txt <<END\na\nEND\ncommit A");
    let failed = machine.task_is(&task, &["done", "failed"]);
    let reason = failed.reason.unwrap_or_default();
    assert_eq!(failed.state, "failed");
    assert!(reason.contains("check"), "{reason}");
    until("the check's processes are gone", Duration::from_secs(10), || {
        let left = processes::of(machine.home());
        left.iter().all(|it| !it.command.contains("98765")).then_some(())
    });
    assert_eq!(repository.git(&["branch", "--list", "callboard/repository"]), "");
}
