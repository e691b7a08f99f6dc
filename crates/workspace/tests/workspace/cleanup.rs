//! Removing workspaces without losing work.

use std::collections::BTreeSet;
use std::fs;

use callboard_agent::workspace::Workspaces;
use callboard_domain::id::AgentId;

use crate::support::{World, commit, git, head, read, write};

fn keep(names: &[&str]) -> BTreeSet<AgentId> {
    names.iter().map(|name| AgentId::new(*name).expect("legal")).collect()
}

#[tokio::test]
async fn work_of_archived_agents_moves_to_hidden_refs_of_the_mirror() {
    let world = World::new().await;
    let gone = world.prepare("a-1", "p-1").await;
    commit(&gone, "b.txt", "of the first task").await;
    world.prepare("a-1", "p-2").await;
    write(&gone.folder.join("c.txt"), "never committed");
    write(&gone.folder.join("cache/.gitignore"), "*");
    fs::create_dir_all(gone.folder.join("cache/read-only")).expect("writable");
    let stays = world.prepare("a-2", "p-3").await;
    write(&stays.folder.join("d.txt"), "stays");

    let cleanup = world.host.cleanup(&keep(&["a-2"])).await.expect("cleaned");
    assert_eq!(cleanup.removed, keep(&["a-1"]).into_iter().collect::<Vec<_>>());
    assert!(!gone.folder.exists() && !gone.home.exists());
    assert_eq!(read(&stays.folder.join("d.txt")), "stays");

    let mirrors = fs::read_dir(world.data_dir().join("mirrors")).expect("readable");
    let mirror = mirrors.map(|it| it.expect("readable").path()).next().expect("a mirror");
    let mut found = String::new();
    for name in &cleanup.kept {
        let name = name.strip_prefix("a-1 ").expect("named");
        found += &git(&mirror, &["ls-tree", "-r", "--name-only", name]).await;
    }
    assert!(found.contains("b.txt") && found.contains("c.txt"), "{found}");

    let again = world.host.cleanup(&keep(&["a-2"])).await.expect("cleaned");
    assert!(again.removed.is_empty());
    // The next refresh of the mirror keeps them.
    let workspace = world.prepare("a-3", "p-4").await;
    assert_eq!(head(&workspace.folder).await, world.start);
    assert!(!git(&mirror, &["for-each-ref", "refs/callboard/kept/a-1"]).await.is_empty());
}

#[tokio::test]
async fn nothing_to_clean_is_no_error() {
    let world = World::new().await;
    let cleanup = world.host.cleanup(&BTreeSet::new()).await.expect("cleaned");
    assert!(cleanup.removed.is_empty());
}

#[tokio::test]
async fn checkpoints_go_with_their_agent() {
    let world = World::new().await;
    for name in ["a-1", "a-10"] {
        let workspace = world.prepare(name, "p-1").await;
        write(&workspace.folder.join("b.txt"), "in progress");
        world.host.checkpoint(&workspace, &[], 1).await.expect("taken");
    }
    world.host.cleanup(&keep(&["a-10"])).await.expect("cleaned");
    assert_eq!(world.blobs.names(), ["checkpoint.a-10.1"]);
}
