//! Publishing results and integrating them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use callboard_agent::workspace::{
    Base, CheckSpec, Error, Fence, Integration, Publication, Uncommitted, Unfenced, Workspaces,
};
use tokio::time::{Duration, Instant};

use crate::support::{World, commit, git, publish, read, try_git, write};

async fn n_merges(world: &World) -> usize {
    let range = format!("{}..callboard/p", world.start);
    git(&world.repo, &["rev-list", "--merges", &range]).await.lines().count()
}

#[tokio::test]
async fn results_of_parallel_agents_are_merged() {
    let world = World::new().await;
    write(&world.repo.join("a.txt"), "changes of the person");
    write(&world.repo.join("untracked"), "of the person");
    let before = world.person_state().await;
    let one = world.result("a-1", "p-1", "b.txt", "b").await;
    let two = world.result("a-2", "p-2", "c.txt", "c").await;
    for published in [&one, &two] {
        let request = world.integration(published, Some("test -e a.txt && cat a.txt"));
        match world.host.integrate(&request, &Unfenced).await.expect("integrated") {
            Integration::Merged { commit, already: false, evidence: Some(evidence) } => {
                assert_eq!(world.result_branch().await.as_deref(), Some(commit.as_str()));
                assert_eq!(evidence.exit_code, Some(0));
                assert_eq!(evidence.output_tail, "one\ntwo\nthree\n");
            }
            other => panic!("{other:?}"),
        }
    }
    for file in ["b.txt", "c.txt"] {
        assert!(!git(&world.repo, &["show", &format!("callboard/p:{file}")]).await.is_empty());
    }
    let log = git(&world.repo, &["log", "-1", "--format=%an|%s|%b", "callboard/p"]).await;
    assert_eq!(log.trim(), "Callboard|p-2: a title|Callboard-Result: p-2/1");
    assert_eq!(world.person_state().await, before);
    let refs = git(&world.repo, &["for-each-ref", "--format=%(refname)"]).await;
    assert_eq!(refs, "refs/heads/callboard/p\nrefs/heads/main", "nothing else is left behind");
}

#[tokio::test]
async fn repeating_after_a_crash_merges_once() {
    let world = World::new().await;
    let published = world.result("a-1", "p-1", "b.txt", "b").await;
    let request = world.integration(&published, Some("true"));
    let first = world.host.integrate(&request, &Unfenced).await.expect("integrated");
    let Integration::Merged { commit: merge, evidence, .. } = first else { panic!("{first:?}") };

    let mut integration = world.data_dir();
    integration.push("integration/p");
    // Killed right after the push: the branch here was not moved yet.
    git(&integration.join("repo.git"), &["update-ref", "-d", "refs/heads/callboard/p"]).await;
    let again = world.host.integrate(&request, &Unfenced).await.expect("integrated");
    let expected = Integration::Merged { commit: merge.clone(), already: true, evidence };
    assert_eq!(again, expected);

    // On a host that knows nothing of it.
    let other = world.other_host("other").integrate(&request, &Unfenced).await;
    let expected = Integration::Merged { commit: merge.clone(), already: true, evidence: None };
    assert_eq!(other.expect("integrated"), expected);

    // Killed before the push: the work tree and a candidate are left over.
    git(&world.repo, &["update-ref", "-d", "refs/heads/callboard/p"]).await;
    let local = integration.join("repo.git");
    let _ = try_git(&local, &["update-ref", "-d", "refs/heads/callboard/p"]).await;
    let tree = integration.join("tree").display().to_string();
    git(&local, &["worktree", "add", "-q", "--detach", &tree, merge.as_str()]).await;
    write(&integration.join("tree/b.txt"), "half done");
    write(&local.join("HEAD.lock"), "");
    world.host.integrate(&request, &Unfenced).await.expect("integrated");
    assert_eq!(n_merges(&world).await, 1);
    assert_eq!(git(&world.repo, &["show", "callboard/p:b.txt"]).await, "b");
    assert!(!integration.join("tree").exists());
}

#[tokio::test]
async fn dropped_call_can_be_repeated() {
    let world = World::new().await;
    let published = world.result("a-1", "p-1", "b.txt", "b").await;
    let request = world.integration(&published, None);
    // Cancelled at many points, as a killed node would be.
    let mut ms = 0;
    loop {
        let call = world.host.integrate(&request, &Unfenced);
        if let Ok(outcome) = tokio::time::timeout(Duration::from_millis(ms), call).await {
            outcome.expect("integrated");
            break;
        }
        ms += 10 + ms / 8;
    }
    assert_eq!(n_merges(&world).await, 1);
}

#[tokio::test]
async fn conflict_is_reported_and_changes_nothing() {
    let world = World::new().await;
    let one = world.result("a-1", "p-1", "a.txt", "mine\n").await;
    let two = world.result("a-2", "p-2", "a.txt", "yours\n").await;
    world.integrate(&one).await;
    let branch = world.result_branch().await;
    let expected = Integration::Conflict { files: vec!["a.txt".to_owned()] };
    assert_eq!(world.integrate(&two).await, expected);
    assert_eq!(world.integrate(&two).await, expected);
    assert_eq!(world.result_branch().await, branch);

    // The conflict becomes a task: an agent merges the result into the present branch.
    let mut request = world.request("a-3", "p-3");
    request.results = vec![two.clone()];
    let workspace = world.host.prepare(&request).await.expect("prepared");
    try_git(&workspace.folder, &["merge", "results/p-2-1"]).await;
    commit(&workspace, "a.txt", "ours\n").await;
    let resolved = publish(&world.host, &workspace).await;
    assert!(matches!(world.integrate(&resolved).await, Integration::Merged { already: false, .. }));
    assert!(matches!(world.integrate(&two).await, Integration::Merged { already: true, .. }));
    assert_eq!(git(&world.repo, &["show", "callboard/p:a.txt"]).await, "ours");
}

#[tokio::test]
async fn failed_check_keeps_the_result_out() {
    let world = World::new().await;
    let published = world.result("a-1", "p-1", "b.txt", "b").await;
    let request = world.integration(&published, Some("echo out; echo err >&2; ls; exit 3"));
    match world.host.integrate(&request, &Unfenced).await.expect("ran") {
        Integration::CheckFailed(evidence) => {
            assert_eq!(evidence.exit_code, Some(3));
            assert_eq!(evidence.output_tail, "out\nerr\na.txt\nb.txt\n");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.result_branch().await, None);
    // The same result may pass later.
    assert!(matches!(world.integrate(&published).await, Integration::Merged { .. }));
}

#[tokio::test]
async fn hanging_check_is_killed_with_its_children() {
    let world = World::new().await;
    let published = world.result("a-1", "p-1", "b.txt", "b").await;
    let pid = world.folder.path().join("pid");
    let line = format!("echo begun; sleep 1000 & echo $! > '{}'; wait", pid.display());
    let mut request = world.integration(&published, None);
    request.check = Some(CheckSpec { command: line, deadline_ms: 500 });
    let started = Instant::now();
    match world.host.integrate(&request, &Unfenced).await.expect("ran") {
        Integration::CheckTimedOut(evidence) => assert_eq!(evidence.output_tail, "begun\n"),
        other => panic!("{other:?}"),
    }
    assert!(started.elapsed() < Duration::from_secs(20));
    let stat = format!("/proc/{}/stat", read(&pid).trim());
    let deadline = Instant::now() + Duration::from_secs(5);
    // Gone, or dead and not yet collected by init.
    while fs::read_to_string(&stat).is_ok_and(|text| !text.contains(") Z ")) {
        assert!(Instant::now() < deadline, "the check's child still runs");
        tokio::task::yield_now().await;
    }
    assert_eq!(world.result_branch().await, None);
}

#[tokio::test]
async fn endless_output_of_a_check_is_bounded() {
    let world = World::new().await;
    let published = world.result("a-1", "p-1", "b.txt", "b").await;
    let request = world.integration(&published, Some("head -c 1000000 /dev/zero | tr '\\0' x"));
    match world.host.integrate(&request, &Unfenced).await.expect("ran") {
        Integration::Merged { evidence: Some(evidence), .. } => {
            assert!(evidence.output_tail.len() <= 16 << 10);
        }
        other => panic!("{other:?}"),
    }
}

struct Lost(AtomicBool);

#[async_trait]
impl Fence for Lost {
    async fn holds(&self) -> bool {
        self.0.store(true, Ordering::SeqCst);
        false
    }
}

#[tokio::test]
async fn superseded_owner_moves_nothing() {
    let world = World::new().await;
    let published = world.result("a-1", "p-1", "b.txt", "b").await;
    let fence = Lost(AtomicBool::new(false));
    let request = world.integration(&published, None);
    let error = world.host.integrate(&request, &fence).await.expect_err("fenced");
    assert!(matches!(error, Error::Fenced { .. }), "{error}");
    assert!(fence.0.load(Ordering::SeqCst));
    assert_eq!(world.result_branch().await, None);
}

#[tokio::test]
async fn checked_out_result_branch_is_never_moved() {
    let world = World::new().await;
    let one = world.result("a-1", "p-1", "b.txt", "b").await;
    world.integrate(&one).await;
    let tree = world.folder.path().join("reading").display().to_string();
    git(&world.repo, &["worktree", "add", "-q", &tree, "callboard/p"]).await;
    let before = world.result_branch().await;
    let two = world.result("a-2", "p-2", "c.txt", "c").await;
    let request = world.integration(&two, None);
    let error = world.host.integrate(&request, &Unfenced).await.expect_err("refused");
    let Error::BranchRefused { reason, .. } = error else { panic!("{error}") };
    assert!(reason.contains("reading"), "{reason}");
    assert_eq!(world.result_branch().await, before);
}

#[tokio::test]
async fn hooks_of_the_person_do_not_run() {
    let world = World::new().await;
    let ran = world.folder.path().join("ran");
    for hook in ["post-merge", "reference-transaction", "pre-receive", "pre-merge-commit"] {
        let path = world.repo.join(".git/hooks").join(hook);
        write(&path, format!("#!/bin/sh\ntouch '{}'\n", ran.display()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mine");
    }
    let published = world.result("a-1", "p-1", "b.txt", "b").await;
    world.integrate(&published).await;
    world.host.accept(&crate::support::project(), &world.source(), None).await.expect("accepted");
    assert_eq!(read(&world.repo.join("b.txt")), "b");
    assert!(!ran.exists());
}

#[tokio::test]
async fn branch_that_the_person_moved_on_is_built_upon() {
    let world = World::new().await;
    let one = world.result("a-1", "p-1", "b.txt", "b").await;
    let two = world.result("a-2", "p-2", "c.txt", "c").await;
    world.integrate(&one).await;
    let args = ["commit-tree", "-m", "of the person", "-p", "callboard/p", "callboard/p^{tree}"];
    let own = git(&world.repo, &args).await;
    git(&world.repo, &["update-ref", "refs/heads/callboard/p", &own]).await;
    world.integrate(&two).await;
    let log = git(&world.repo, &["log", "--format=%s", "--first-parent", "callboard/p"]).await;
    assert_eq!(log, "p-2: a title\nof the person\np-1: a title\nfirst");
}

#[tokio::test]
async fn attempt_without_a_commit_is_no_result() {
    let world = World::new().await;
    let workspace = world.prepare("a-1", "p-1").await;
    write(&workspace.folder.join("b.txt"), "not committed");
    let none = world.host.publish(&workspace, Uncommitted::Report).await.expect("looked");
    assert_eq!(none, Publication::NoCommit { n_uncommitted: 1 });
    assert!(world.blobs.names().is_empty());

    let published = world.host.publish(&workspace, Uncommitted::Commit).await.expect("published");
    let Publication::Published(published) = published else { panic!("{published:?}") };
    assert_eq!((published.n_commits, published.n_uncommitted), (1, 0));
    assert_eq!(published.blob, "result.p.p-1.1");
    assert!(matches!(world.integrate(&published).await, Integration::Merged { .. }));
    assert_eq!(git(&world.repo, &["show", "callboard/p:b.txt"]).await, "not committed");
}

#[tokio::test]
async fn publishing_reports_what_is_not_committed_and_may_be_repeated() {
    let world = World::new().await;
    let workspace = world.prepare("a-1", "p-1").await;
    commit(&workspace, "b.txt", "b").await;
    write(&workspace.folder.join("c.txt"), "forgotten");
    let first = publish(&world.host, &workspace).await;
    assert_eq!((first.n_commits, first.n_uncommitted), (1, 1));
    assert_eq!(publish(&world.host, &workspace).await, first);
}

#[tokio::test]
async fn commits_on_a_branch_of_the_agents_own_are_found() {
    let world = World::new().await;
    let workspace = world.prepare("a-1", "p-1").await;
    git(&workspace.folder, &["checkout", "-qb", "own"]).await;
    commit(&workspace, "b.txt", "b").await;
    let published = publish(&world.host, &workspace).await;
    assert!(matches!(world.integrate(&published).await, Integration::Merged { .. }));
}

#[tokio::test]
async fn second_attempt_begins_anew_and_both_are_told_apart() {
    let world = World::new().await;
    let first = world.result("a-1", "p-1", "b.txt", "first").await;
    let mut request = world.request("a-1", "p-1");
    request.attempt = 2;
    request.base = Base::Commit(world.start.clone());
    let workspace = world.host.prepare(&request).await.expect("prepared");
    assert!(!workspace.folder.join("b.txt").exists());
    commit(&workspace, "c.txt", "second").await;
    let second = publish(&world.host, &workspace).await;
    assert_ne!(first.blob, second.blob);
    for published in [first, second] {
        assert!(matches!(
            world.integrate(&published).await,
            Integration::Merged { already: false, .. }
        ));
    }
}

#[tokio::test]
async fn forged_trailer_of_an_agent_is_not_taken_for_a_merge() {
    let world = World::new().await;
    let workspace = world.prepare("a-1", "p-1").await;
    write(&workspace.folder.join("x.txt"), "x");
    git(&workspace.folder, &["add", "-A"]).await;
    git(&workspace.folder, &["commit", "-qm", "x\n\nCallboard-Result: p-2/1"]).await;
    let forged = publish(&world.host, &workspace).await;
    world.integrate(&forged).await;
    let two = world.result("a-2", "p-2", "c.txt", "c").await;
    assert!(matches!(world.integrate(&two).await, Integration::Merged { already: false, .. }));
}

#[tokio::test]
async fn damaged_result_is_refused() {
    let world = World::new().await;
    let published = world.result("a-1", "p-1", "b.txt", "b").await;
    world.blobs.change(&published.blob, |bytes| bytes.truncate(40));
    let request = world.integration(&published, None);
    assert!(world.host.integrate(&request, &Unfenced).await.is_err());
    assert_eq!(world.result_branch().await, None);
}
