//! Wrong input, and folders that cannot be used: each is refused with what to do, and changes
//! nothing.

use crate::support::{Machine, Repository};

#[test]
fn second_node_on_one_data_folder_is_refused() {
    let mut machine = Machine::new();
    let client = machine.up();
    machine.run(&["up"]).check(4, &["a node runs already", "callboard down"]);
    machine.run(&["up", "-d"]).check(4, &["a node runs already"]);
    // Even when nothing says that one runs: the folder itself is locked.
    std::fs::remove_file(machine.data().join("node.json")).expect("it runs");
    let pid = machine.pid();
    machine.run(&["up"]).check(4, &[&format!("process {pid}")]);
    client.status().expect("the first one runs on");
}

#[test]
fn damaged_database_is_refused_and_never_overwritten() {
    let mut machine = Machine::new();
    machine.up();
    // A clean stop leaves everything in the files themselves.
    machine.down();
    for (name, damage) in
        [("log.sqlite", &b"this is no database, or no more"[..]), ("kv.sqlite", &[])]
    {
        let path = machine.data().join("store").join(name);
        let whole = std::fs::read(&path).expect("a database");
        let mut damaged = whole.clone();
        match damage {
            [] => damaged.truncate(damaged.len() / 2),
            damage => damaged[..damage.len()].copy_from_slice(damage),
        }
        std::fs::write(&path, &damaged).expect("writable");
        for args in [&["up"] as &[&str], &["up", "-d"]] {
            machine.run(args).check(1, &[name, "damaged"]);
            assert!(std::fs::read(&path).expect("a file") == damaged, "{name} was changed");
        }
        std::fs::write(&path, &whole).expect("writable");
    }
    machine.up();
}

#[test]
fn impossible_plans_are_refused_with_their_place() {
    let machine = Machine::new();
    let repository = machine.repository("repository");
    let run = |tasks: &str| {
        let head = "[plan]\ngoal = \"g\"\nproject = \"p\"\n";
        machine.write("plan.toml", &format!("{head}{tasks}"));
        machine.run(&["run", "plan.toml", "--repo", repository.path(), "--runtime", "scripted"])
    };
    let task = |id: &str, after: &str| {
        format!("[[task]]\nid = \"{id}\"\ntitle = \"{id}\"\ndepends_on = [\"{after}\"]\n")
    };
    let cycle = [task("a", "b"), task("b", "c"), task("c", "a")].concat();
    run(&cycle).check(2, &["plan.toml", "a → b → c → a"]);
    run(&task("a", "nobody")).check(2, &["plan.toml", "nobody"]);
    run("[[task]]\nid = \"a\"\ntitel = \"a\"\n").check(2, &["titel"]);
    run("[[task]\n").check(2, &["line 4"]);
    let projects = machine.json(&["projects"]);
    assert_eq!(projects, serde_json::json!([]), "nothing was made");
}

#[test]
fn unusable_repositories_are_refused_and_dirty_ones_noted() {
    let machine = Machine::new();
    let submit =
        |path: &str| machine.run(&["submit", "work", "--repo", path, "--runtime", "scripted"]);
    let home = machine.home().to_str().expect("a plain name");
    submit(&format!("{home}/nowhere")).check(3, &["nowhere"]);
    std::fs::create_dir(machine.home().join("plain")).expect("writable");
    submit(&format!("{home}/plain")).check(2, &["plain", "git"]);
    let empty = Repository::empty(&machine.home().join("empty"));
    submit(empty.path()).check(2, &["no commit"]);
    let dirty = machine.repository("dirty");
    dirty.write("README.md", "changed\n");
    submit(dirty.path()).check(0, &["1 uncommitted file"]);
}

#[test]
fn unknown_names_exit_3_and_say_where_to_look() {
    let mut machine = Machine::new();
    machine.up();
    let id = "0198c0de-0000-7000-8000-000000000000";
    let all: [(&[&str], &str); 11] = [
        (&["task", "show", "none-1"], "callboard tasks"),
        (&["task", "cancel", "none-1"], "callboard tasks"),
        (&["task", "retry", "none-1"], "callboard tasks"),
        (&["agent", "show", "nobody"], "callboard agents"),
        (&["agent", "stop", "nobody"], "callboard agents"),
        (&["agent", "logs", "nobody"], "callboard agents"),
        (&["project", "diff", "none"], "callboard projects"),
        (&["project", "accept", "none"], "callboard projects"),
        (&["message", "agent/nobody", "hello"], "nobody"),
        (&["receipt", id], id),
        (&["approvals", "approve", id], id),
    ];
    for (args, word) in all {
        machine.run(args).check(3, &[word]);
    }
    machine.run(&["receipt", "none"]).check(2, &["UUID"]);
}
