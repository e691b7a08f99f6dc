//! Making workspaces and switching tasks.

use std::fs;

use callboard_agent::workspace::{Base, Error, Workspaces};

use crate::support::{World, commit, git, head, read, try_git, write};

#[tokio::test]
async fn workspace_is_a_clone_of_its_own_on_the_tasks_branch() {
    let world = World::new().await;
    write(&world.repo.join("a.txt"), "uncommitted changes of the person");
    let before = world.person_state().await;
    let workspace = world.prepare("a-1", "p-1").await;
    assert_eq!(workspace.branch, "callboard/p/p-1");
    assert_eq!(git(&workspace.folder, &["branch", "--show-current"]).await, workspace.branch);
    assert_eq!(head(&workspace.folder).await, world.start);
    assert_eq!(read(&workspace.folder.join("a.txt")), "one\ntwo\nthree\n");
    assert_eq!(git(&workspace.folder, &["status", "--porcelain"]).await, "");
    assert!(workspace.home.is_dir());
    assert_eq!(world.person_state().await, before);

    commit(&workspace, "b.txt", "b").await;
    let author = git(&workspace.folder, &["log", "-1", "--format=%an <%ae>"]).await;
    assert_eq!(author, "Ada <ada@example.org>");
    let push = try_git(&workspace.folder, &["push", "origin", "HEAD"]).await;
    assert!(!push.ending.success(), "an agent cannot push");
}

#[tokio::test]
async fn person_without_a_name_is_replaced_by_callboard_agent() {
    let world = World::new().await;
    git(&world.repo, &["config", "--unset", "user.name"]).await;
    let workspace = world.prepare("a-1", "p-1").await;
    commit(&workspace, "b.txt", "b").await;
    assert_eq!(git(&workspace.folder, &["log", "-1", "--format=%an"]).await, "Callboard agent");
}

#[tokio::test]
async fn preparing_again_leaves_the_work_alone() {
    let world = World::new().await;
    let workspace = world.prepare("a-1", "p-1").await;
    commit(&workspace, "b.txt", "b").await;
    write(&workspace.folder.join("c.txt"), "not committed");
    let mut request = world.request("a-1", "p-1");
    request.epoch = 2;
    let again = world.host.prepare(&request).await.expect("prepared");
    assert_eq!(again.epoch, 2);
    assert_eq!(again.folder, workspace.folder);
    assert_eq!(read(&workspace.folder.join("b.txt")), "b");
    assert_eq!(read(&workspace.folder.join("c.txt")), "not committed");
}

#[tokio::test]
async fn next_task_finds_a_clean_state_and_nothing_is_lost() {
    let world = World::new().await;
    let workspace = world.prepare("a-1", "p-1").await;
    commit(&workspace, "b.txt", "committed").await;
    let first = head(&workspace.folder).await;
    write(&workspace.folder.join("a.txt"), "stashed");
    git(&workspace.folder, &["stash", "-q"]).await;
    git(&workspace.folder, &["checkout", "-qb", "own-branch"]).await;
    write(&workspace.folder.join("staged.txt"), "staged");
    git(&workspace.folder, &["add", "staged.txt"]).await;
    write(&workspace.folder.join("new dir/untracked ü.txt"), "untracked");
    write(&workspace.folder.join("target/cache"), "ignored");

    let next = world.prepare("a-1", "p-2").await;
    assert_eq!(next.folder, workspace.folder);
    assert_eq!(head(&next.folder).await, world.start);
    assert_eq!(git(&next.folder, &["status", "--porcelain"]).await, "");
    let branches = git(&next.folder, &["branch", "--format=%(refname:short)"]).await;
    assert_eq!(branches, "callboard/p/p-2");
    assert_eq!(read(&next.folder.join("target/cache")), "ignored");
    assert!(!next.folder.join("new dir").exists());

    let kept =
        git(&next.folder, &["for-each-ref", "--format=%(refname)", "refs/callboard/kept"]).await;
    assert!(kept.contains(&format!("refs/callboard/kept/p/p-1/1/{first}")), "{kept}");
    let mut found = String::new();
    for name in kept.lines() {
        found += &git(&next.folder, &["ls-tree", "-r", "--name-only", name]).await;
        found += &git(&next.folder, &["show", &format!("{name}:a.txt")]).await;
    }
    for wanted in ["staged.txt", "untracked", "stashed"] {
        assert!(found.contains(wanted), "{wanted} in {found}");
    }
}

#[tokio::test]
async fn crash_while_switching_keeps_what_the_first_try_kept() {
    let world = World::new().await;
    let workspace = world.prepare("a-1", "p-1").await;
    write(&workspace.folder.join("work.txt"), "precious");
    let marker = world.data_dir().join("workspaces/a-1/workspace.json");
    let old = fs::read(&marker).expect("readable");
    world.prepare("a-1", "p-2").await;
    // As if the node had been killed before the marker was written.
    fs::write(&marker, old).expect("writable");
    let next = world.prepare("a-1", "p-2").await;
    let kept =
        git(&next.folder, &["for-each-ref", "--format=%(refname)", "refs/callboard/kept"]).await;
    let name = kept.lines().next().expect("kept");
    assert_eq!(git(&next.folder, &["show", &format!("{name}:work.txt")]).await, "precious");
}

#[tokio::test]
async fn locks_and_half_done_operations_of_killed_processes_do_not_matter() {
    let world = World::new().await;
    let workspace = world.prepare("a-1", "p-1").await;
    for lock in ["index.lock", "HEAD.lock", "refs/heads/callboard/p/p-1.lock", "config.lock"] {
        write(&workspace.folder.join(".git").join(lock), "");
    }
    write(&workspace.folder.join(".git/MERGE_HEAD"), format!("{}\n", world.start));
    write(&workspace.folder.join(".git/rebase-merge/head-name"), "refs/heads/x\n");
    let mirrors = fs::read_dir(world.data_dir().join("mirrors")).expect("readable");
    let mirror = mirrors.map(|it| it.expect("readable").path()).next().expect("a mirror");
    write(&mirror.join("packed-refs.lock"), "");
    let next = world.prepare("a-1", "p-2").await;
    commit(&next, "b.txt", "b").await;
    assert_eq!(git(&next.folder, &["log", "--format=%s", "-1"]).await, "change b.txt");
}

#[tokio::test]
async fn clone_that_git_cannot_read_is_moved_aside() {
    let world = World::new().await;
    let workspace = world.prepare("a-1", "p-1").await;
    write(&workspace.folder.join("work.txt"), "precious");
    fs::remove_file(workspace.folder.join(".git/HEAD")).expect("removable");
    let again = world.prepare("a-1", "p-1").await;
    assert_eq!(head(&again.folder).await, world.start);
    let folder = again.folder.parent().expect("has one");
    let aside = fs::read_dir(folder)
        .expect("readable")
        .map(|it| it.expect("readable").path())
        .find(|it| it.display().to_string().contains("damaged-"))
        .expect("moved aside");
    assert_eq!(read(&aside.join("work.txt")), "precious");
}

#[tokio::test]
async fn half_built_clone_is_built_anew() {
    let world = World::new().await;
    write(&world.data_dir().join("workspaces/a-1/tree.new/.git/config"), "garbage");
    let workspace = world.prepare("a-1", "p-1").await;
    assert_eq!(git(&workspace.folder, &["status", "--porcelain"]).await, "");
}

#[tokio::test]
async fn base_is_the_projects_branch_once_it_exists() {
    let world = World::new().await;
    let published = world.result("a-1", "p-1", "b.txt", "b").await;
    world.integrate(&published).await;
    let next = world.prepare("a-2", "p-2").await;
    assert_eq!(read(&next.folder.join("b.txt")), "b");
    assert_eq!(next.base_commit.as_str(), world.result_branch().await.expect("exists"));

    let mut request = world.request("a-3", "p-3");
    request.base = Base::Commit(world.start.clone());
    let third = world.host.prepare(&request).await.expect("prepared");
    assert!(!third.folder.join("b.txt").exists());

    request.task = "p-4".parse().expect("legal");
    request.base = Base::Branch("nothing".to_owned());
    let error = world.host.prepare(&request).await.expect_err("refused");
    assert!(matches!(error, Error::BaseMissing { .. }), "{error}");
}

#[tokio::test]
async fn start_that_no_branch_has_any_more_is_still_found() {
    let world = World::new().await;
    git(&world.repo, &["commit", "-q", "--amend", "-m", "rewritten"]).await;
    let workspace = world.prepare("a-1", "p-1").await;
    assert_eq!(head(&workspace.folder).await, world.start);
}

#[tokio::test]
async fn results_of_others_are_there_as_remote_branches() {
    let world = World::new().await;
    let published = world.result("a-1", "p-1", "b.txt", "b").await;
    let mut request = world.request("a-2", "p-2");
    request.results = vec![published.clone()];
    let workspace = world.host.prepare(&request).await.expect("prepared");
    git(&workspace.folder, &["merge", "-q", "results/p-1-1"]).await;
    assert_eq!(head(&workspace.folder).await, published.head);
}

#[tokio::test]
async fn agents_prepare_at_the_same_time() {
    let world = World::new().await;
    let requests: Vec<_> =
        (0..4).map(|n| world.request(&format!("a-{n}"), &format!("p-{n}"))).collect();
    let (a, b, c, d) = tokio::join!(
        world.host.prepare(&requests[0]),
        world.host.prepare(&requests[1]),
        world.host.prepare(&requests[2]),
        world.host.prepare(&requests[3]),
    );
    for workspace in [a, b, c, d] {
        assert_eq!(head(&workspace.expect("prepared").folder).await, world.start);
    }
}
