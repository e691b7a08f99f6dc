//! What people do to work that is under way, and to its result.

use callboard_testkit::poll::until;

use crate::support::{Machine, PATIENCE, Repository, processes};

/// A step that hangs in a process of its own.
const HANG: &str = "run sleep 87654";

fn hangs(machine: &Machine) -> bool {
    processes::of(machine.home()).iter().any(|it| it.command.contains("87654"))
}

/// A machine whose node works on one task of a repository.
struct Desk {
    machine: Machine,
    repository: Repository,
    task: String,
}

impl Desk {
    #[track_caller]
    fn with(steps: &str) -> Self {
        let mut machine = Machine::new();
        let repository = machine.repository("shop");
        machine.up();
        let task = machine.submit(&repository, steps);
        Self { machine, repository, task }
    }

    /// Until the step that hangs is under way.
    #[track_caller]
    fn hanging() -> Self {
        let desk = Self::with(HANG);
        until("the step hangs", PATIENCE, || hangs(&desk.machine).then_some(()));
        desk
    }

    /// With a result that waits for a review.
    #[track_caller]
    fn done() -> Self {
        let desk = Self::with("write a.txt <<END\na\nEND\ncommit Add a");
        assert_eq!(desk.machine.task_is(&desk.task, &["done", "failed"]).state, "done");
        desk
    }

    fn files(&self, branch: &str) -> String {
        self.repository.git(&["ls-tree", "--name-only", branch])
    }
}

/// Answers the one question of a task that wants to make a file, and tells which files came of it.
#[track_caller]
fn check_answer(answer: &[&str], files: &str) {
    let desk = Desk::with("ask touch asked.txt\nwrite a.txt <<END\na\nEND\ncommit Add");
    let machine = &desk.machine;
    let asked = until("it asks", PATIENCE, || {
        machine.client().approvals().ok()?.into_iter().find(|it| it.tool == "Bash")
    });
    assert_eq!(asked.command.as_deref(), Some("touch asked.txt"));
    let agent = machine.client().agent(&asked.agent).expect("it asks").agent;
    assert_eq!(agent.state, "awaiting-approval");
    machine.run(&[&["approvals"], answer, &[&asked.id]].concat()).check(0, &[]);
    machine.run(&[&["approvals"], answer, &[&asked.id]].concat()).check(3, &[&asked.id]);
    assert_eq!(machine.task_is(&desk.task, &["done", "failed"]).state, "done");
    assert_eq!(desk.files("callboard/shop"), files);
}

#[test]
fn denied_approval_keeps_the_command_from_running() {
    check_answer(&["deny"], "README.md\na.txt");
}

#[test]
fn approved_command_runs() {
    check_answer(&["approve"], "README.md\na.txt\nasked.txt");
}

#[test]
fn fleet_stop_ends_every_program_and_resume_goes_on() {
    let mut machine = Machine::new();
    let repository = machine.repository("shop");
    machine.up();
    let marker = machine.home().join("go");
    let wait = format!("run until [ -e {} ]; do sleep 0.1; done # 87654", marker.display());
    let task = machine.submit(&repository, &format!("{wait}\nwrite a <<END\na\nEND\ncommit A"));
    until("the step hangs", PATIENCE, || hangs(&machine).then_some(()));
    machine.run(&["stop", "--all", "--reason", "lunch"]).check(0, &[]);
    until("its processes are gone", PATIENCE, || (!hangs(&machine)).then_some(()));
    assert_eq!(machine.json(&["status"])["fleet_stopped"], "by person: lunch");
    std::fs::write(&marker, "").expect("writable");
    // A stop survives the node.
    machine.kill();
    machine.up();
    assert_eq!(machine.json(&["status"])["fleet_stopped"], "by person: lunch");
    assert_eq!(machine.task_is(&task, &["running", "done"]).state, "running");
    machine.run(&["resume"]).check(0, &[]);
    let done = machine.task_is(&task, &["done", "failed"]);
    assert_eq!((done.state.as_str(), done.attempts), ("done", 1), "{done:?}");
}

#[test]
fn cancelled_task_ends_its_processes_and_can_be_retried() {
    let desk = Desk::hanging();
    let machine = &desk.machine;
    machine.run(&["task", "cancel", &desk.task]).check(0, &[]);
    machine.task_is(&desk.task, &["cancelled"]);
    until("its processes are gone", PATIENCE, || (!hangs(machine)).then_some(()));
    machine.run(&["task", "cancel", &desk.task]).check(0, &[]);
    machine.run(&["task", "retry", &desk.task]).check(0, &[]);
    until("the step hangs again", PATIENCE, || hangs(machine).then_some(()));
}

#[test]
fn merge_conflict_becomes_a_task_and_is_resolved() {
    let mut machine = Machine::new();
    let repository = machine.repository("shop");
    repository.write("list.txt", "list\n");
    repository.commit("Add a list");
    let (begun, meet) = (machine.home().join("begun"), machine.home().join("meet"));
    // Both have read the list before either of them writes; later tries find both marks there.
    let task = |id: &str| {
        let (begun, meet) = (begun.display(), meet.display());
        format!(
            "[[task]]\nid = \"{id}\"\ntitle = \"Add {id}\"\nruntime = \"scripted\"\ntext = \"\"\"\n\
             ```script\nrun echo {id} >> {begun}; \
             until [ $(sort -u {begun} | wc -l) = 2 ]; do sleep 0.05; done; touch {meet}\n\
             append list.txt <<END\n{id}\nEND\ncommit Add {id}\n```\"\"\"\n"
        )
    };
    let head = "[plan]\ngoal = \"Two items\"\nproject = \"shop\"\nmax_agents = 2\n";
    machine.write("plan.toml", &[head, &task("apples"), &task("pears")].concat());
    machine.up();
    let run = ["run", "plan.toml", "--repo", repository.path(), "--wait", "--timeout", "100"];
    machine.run(&run).check(0, &[]);
    let tasks = machine.client().tasks(Some("shop")).expect("a project");
    let states: Vec<_> = tasks.iter().map(|it| it.state.as_str()).collect();
    assert_eq!(states, ["done", "done", "done"], "{tasks:?}");
    assert!(tasks[2].title.starts_with("Resolve the merge conflict of"), "{tasks:?}");
    let list = repository.git(&["show", "callboard/shop:list.txt"]);
    let mut items: Vec<_> = list.lines().collect();
    items.sort_unstable();
    assert_eq!(items, ["apples", "list", "pears"]);
}

#[test]
fn accepted_result_is_the_persons_branch() {
    let desk = Desk::done();
    let Desk { machine, repository, .. } = &desk;
    assert_eq!(desk.files("main"), "README.md", "nothing before the person says so");
    let diff = machine.run(&["project", "diff", "shop"]).check(0, &[]);
    assert!(diff.out.contains("a.txt"), "{}", diff.out);
    // A change of the person in the way is kept, and said.
    repository.write("a.txt", "mine\n");
    let refused = machine.run(&["project", "accept", "shop"]).check(4, &[]);
    assert!(refused.out.contains("a.txt"), "{}", refused.out);
    assert_eq!(desk.files("main"), "README.md");
    std::fs::remove_file(machine.home().join("shop/a.txt")).expect("it was not touched");
    machine.run(&["project", "accept", "shop"]).check(0, &[]);
    assert_eq!(desk.files("main"), "README.md\na.txt");
    assert_eq!(repository.git(&["status", "--porcelain"]), "", "the files are there too");
}

#[test]
fn discarded_result_leaves_the_persons_branch() {
    let desk = Desk::done();
    desk.machine.run(&["project", "discard", "shop"]).check(0, &[]);
    assert_eq!(desk.files("main"), "README.md");
    assert_eq!(desk.repository.git(&["branch", "--list", "callboard/*"]), "");
}

#[test]
fn message_is_answered_by_agents_projects_and_the_orchestrator() {
    let desk = Desk::done();
    let machine = &desk.machine;
    let agent = machine.client().agents(None).expect("a node")[0].id.clone();
    for target in ["orchestrator", "project/shop", &format!("agent/{agent}")] {
        let sent = ["message", target, "How far are you?", "--wait", "--timeout", "60"];
        let receipt = machine.json(&sent);
        assert_eq!(receipt["state"], "answered", "{target}: {receipt}");
        assert!(receipt["answer"].as_str().is_some_and(|it| !it.is_empty()), "{receipt}");
        let id = receipt["id"].as_str().expect("an id");
        assert_eq!(machine.json(&["receipt", id])["state"], "answered");
    }
}

#[test]
fn submit_starts_a_node_in_the_background_and_says_so() {
    let machine = Machine::new();
    let repository = machine.repository("shop");
    let text = "Add\n```script\nwrite a <<END\na\nEND\ncommit A\n```";
    let args = ["submit", text, "--runtime", "scripted", "--repo", repository.path()];
    machine.run(&[&args[..], &["--wait", "--timeout", "60"]].concat()).check(0, &["node"]);
    machine.run(&["down"]).check(0, &[]);
    machine.nothing_is_left();
    machine.run(&["status"]).check(5, &["callboard up"]);
}
