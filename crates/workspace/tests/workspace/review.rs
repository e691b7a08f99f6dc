//! The person reads, accepts and discards results.

use std::fs;

use callboard_agent::workspace::{Acceptance, Discard, Workspaces};

use crate::support::{World, git, project, read, try_git, write};

async fn accept(world: &World, branch: Option<&str>) -> Acceptance {
    world.host.accept(&project(), &world.source(), branch).await.expect("looked")
}

/// A world in which task p-1 wrote `file`.
async fn with_result(file: &str, text: &str) -> World {
    let world = World::new().await;
    let published = world.result("a-1", "p-1", file, text).await;
    world.integrate(&published).await;
    world
}

#[tokio::test]
async fn result_is_shown() {
    let world = with_result("b.txt", "new line\n").await;
    let diff = world.host.diff(&project(), &world.source()).await.expect("shown").expect("some");
    assert_eq!(diff.base, world.start);
    assert!(diff.patch.contains("+new line") && !diff.truncated, "{}", diff.patch);
    assert!(diff.stat.contains("b.txt"), "{}", diff.stat);
    assert_eq!(diff.commits.len(), 1);
    assert!(diff.commits[0].ends_with("change b.txt"));

    let small = world.host_with("small", |cfg| cfg.patch_bytes_max = 20);
    let diff = small.diff(&project(), &world.source()).await.expect("shown").expect("some");
    assert!(diff.truncated);

    let world = World::new().await;
    assert_eq!(world.host.diff(&project(), &world.source()).await.expect("looked"), None);
    assert_eq!(accept(&world, None).await, Acceptance::Nothing);
    let nothing = world.host.discard(&project(), &world.source()).await.expect("looked");
    assert_eq!(nothing, Discard::Nothing);
}

#[tokio::test]
async fn accepting_forwards_the_checked_out_branch_and_keeps_other_changes() {
    let world = with_result("b.txt", "b").await;
    write(&world.repo.join("a.txt"), "changes of the person");
    write(&world.repo.join("notes"), "untracked");
    match accept(&world, None).await {
        Acceptance::Accepted { branch, commit, fast_forward: true } => {
            assert_eq!(branch, "main");
            assert_eq!(git(&world.repo, &["rev-parse", "main"]).await, commit.as_str());
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(read(&world.repo.join("b.txt")), "b");
    assert_eq!(read(&world.repo.join("a.txt")), "changes of the person");
    assert_eq!(git(&world.repo, &["status", "--porcelain"]).await, " M a.txt\n?? notes");
    assert!(matches!(accept(&world, None).await, Acceptance::AlreadyAccepted { .. }));
}

#[tokio::test]
async fn accepting_merges_when_the_person_went_on() {
    let world = with_result("b.txt", "b").await;
    write(&world.repo.join("c.txt"), "c");
    git(&world.repo, &["add", "-A"]).await;
    git(&world.repo, &["commit", "-qm", "meanwhile"]).await;
    let accepted = accept(&world, None).await;
    assert!(matches!(accepted, Acceptance::Accepted { fast_forward: false, .. }), "{accepted:?}");
    assert_eq!(read(&world.repo.join("b.txt")), "b");
    assert_eq!(read(&world.repo.join("c.txt")), "c");
    let log = git(&world.repo, &["log", "-1", "--format=%an <%ae>|%s"]).await;
    assert_eq!(log, "Ada <ada@example.org>|Merge the result of Callboard into main");
    assert_eq!(git(&world.repo, &["status", "--porcelain"]).await, "");
}

#[tokio::test]
async fn conflict_leaves_the_person_untouched() {
    let world = with_result("a.txt", "of the agent\n").await;
    write(&world.repo.join("a.txt"), "of the person\n");
    git(&world.repo, &["commit", "-qam", "meanwhile"]).await;
    write(&world.repo.join("notes"), "untracked");
    let before = world.person_state().await;
    let expected = Acceptance::Conflict { files: vec!["a.txt".to_owned()] };
    assert_eq!(accept(&world, None).await, expected);
    assert_eq!(world.person_state().await, before);
    assert!(!world.repo.join(".git/MERGE_HEAD").exists());
}

#[tokio::test]
async fn changes_of_the_person_in_the_way_are_never_lost() {
    for (file, mine) in [("a.txt", "a.txt"), ("b.txt", "b.txt"), ("dir", "dir/file")] {
        let world = with_result(file, "of the agent").await;
        write(&world.repo.join(mine), "precious");
        let before = world.person_state().await;
        let expected = Acceptance::Dirty { files: vec![mine.to_owned()] };
        assert_eq!(accept(&world, None).await, expected, "{mine}");
        assert_eq!(world.person_state().await, before);
        assert_eq!(read(&world.repo.join(mine)), "precious");
    }
}

#[tokio::test]
async fn ignored_file_in_the_way_is_not_overwritten() {
    let world = World::new().await;
    let workspace = world.prepare("a-1", "p-1").await;
    write(&workspace.folder.join("target/x"), "of the agent");
    git(&workspace.folder, &["add", "-f", "target/x"]).await;
    git(&workspace.folder, &["commit", "-qm", "force an ignored file in"]).await;
    let published = crate::support::publish(&world.host, &workspace).await;
    world.integrate(&published).await;
    write(&world.repo.join("target/x"), "of the person");
    let outcome = accept(&world, None).await;
    assert!(
        matches!(&outcome, Acceptance::Dirty { files } if files == &["target/x"]),
        "{outcome:?}"
    );
    assert_eq!(read(&world.repo.join("target/x")), "of the person");
}

#[tokio::test]
async fn branch_that_is_not_checked_out_is_forwarded_without_a_work_tree() {
    let world = with_result("b.txt", "b").await;
    git(&world.repo, &["branch", "release"]).await;
    let before = world.person_state().await;
    let accepted = accept(&world, Some("release")).await;
    assert!(matches!(accepted, Acceptance::Accepted { .. }), "{accepted:?}");
    assert_eq!(git(&world.repo, &["show", "release:b.txt"]).await, "b");
    assert_eq!(world.person_state().await, before);

    // And one checked out in another work tree, there.
    let tree = world.folder.path().join("second");
    let name = tree.display().to_string();
    git(&world.repo, &["worktree", "add", "-q", "-b", "topic", &name, "main"]).await;
    let accepted = accept(&world, Some("topic")).await;
    assert!(matches!(accepted, Acceptance::Accepted { .. }), "{accepted:?}");
    assert_eq!(read(&tree.join("b.txt")), "b");
    assert_eq!(world.person_state().await, before);
}

#[tokio::test]
async fn impossible_acceptances_say_why() {
    let world = with_result("b.txt", "b").await;
    for branch in ["nothing", "callboard/p"] {
        let refused = accept(&world, Some(branch)).await;
        assert!(matches!(refused, Acceptance::Refused { .. }), "{branch}: {refused:?}");
    }
    for branch in ["-x", "a..b", "x y", "../main", ""] {
        let error = world.host.accept(&project(), &world.source(), Some(branch)).await;
        assert!(error.is_err(), "{branch}");
    }
    git(&world.repo, &["checkout", "-q", "--detach"]).await;
    assert!(matches!(accept(&world, None).await, Acceptance::Refused { .. }));
    git(&world.repo, &["checkout", "-q", "main"]).await;
    write(&world.repo.join(".git/MERGE_HEAD"), format!("{}\n", world.start));
    assert!(matches!(accept(&world, None).await, Acceptance::Refused { .. }));
    fs::remove_file(world.repo.join(".git/MERGE_HEAD")).expect("removable");
    assert_eq!(git(&world.repo, &["rev-parse", "main"]).await, world.start.as_str());
}

#[tokio::test]
async fn discarded_result_stays_under_a_hidden_ref() {
    let world = with_result("b.txt", "b").await;
    let before = world.person_state().await;
    let discarded = world.host.discard(&project(), &world.source()).await.expect("discarded");
    let Discard::Discarded { commit, kept } = discarded else { panic!("{discarded:?}") };
    assert_eq!(world.result_branch().await, None);
    assert_eq!(git(&world.repo, &["rev-parse", &kept]).await, commit.as_str());
    assert_eq!(world.person_state().await, before);
    let again = world.host.discard(&project(), &world.source()).await.expect("looked");
    assert_eq!(again, Discard::Nothing);

    // What comes after does not bring it back.
    let published = world.result("a-2", "p-2", "c.txt", "c").await;
    world.integrate(&published).await;
    let shown = try_git(&world.repo, &["show", "callboard/p:b.txt"]).await;
    assert!(!shown.ending.success());
}
