//! Checkpoints and restoring them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use callboard_agent::workspace::{Checkpointed, Error, Workspace, Workspaces};

use crate::support::{World, commit, git, head, publish, read, take, write};

/// Work of every kind: committed, staged, changed, deleted, untracked, ignored.
async fn work(workspace: &Workspace) {
    let folder = &workspace.folder;
    commit(workspace, "b.txt", "committed").await;
    write(&folder.join("staged.txt"), "staged");
    git(folder, &["add", "staged.txt"]).await;
    write(&folder.join("b.txt"), "changed after the commit");
    fs::remove_file(folder.join("a.txt")).expect("removable");
    write(&folder.join("new dir/ünïcode – ☃.txt"), "snow");
    write(&folder.join("binary"), [0, 159, 146, 150, 255, 10, 13]);
    write(&folder.join("run.sh"), "#!/bin/sh\n");
    fs::set_permissions(folder.join("run.sh"), fs::Permissions::from_mode(0o755)).expect("mine");
    symlink("b.txt", folder.join("link")).expect("writable");
    symlink("/nowhere/at all", folder.join("dangling")).expect("writable");
    write(&folder.join("target/cache"), "ignored");
    write(&workspace.home.join("session/turns.jsonl"), "{\"turn\":1}\n");
    write(&workspace.home.join("session/deep/er.json"), "{}");
}

/// All files of a folder without `.git`, with mode and content.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("readable") {
            let path = entry.expect("readable").path();
            let facts = fs::symlink_metadata(&path).expect("readable");
            let name = path.strip_prefix(folder).expect("inside").display().to_string();
            if name == ".git" {
                continue;
            }
            if facts.is_dir() {
                folders.push(path);
            } else if facts.is_symlink() {
                found.push(format!("{name} -> {:?}", fs::read_link(&path).expect("readable")));
            } else {
                let executable = facts.permissions().mode() & 0o100 != 0;
                found.push(format!("{name} {executable} {:?}", fs::read(&path).expect("readable")));
            }
        }
    }
    found.sort();
    found
}

fn files_without_ignored(folder: &Path) -> Vec<String> {
    files(folder).into_iter().filter(|name| !name.starts_with("target/")).collect()
}

#[tokio::test]
async fn empty_host_gets_the_same_workspace() {
    let world = World::new().await;
    let workspace = world.prepare("a-1", "p-1").await;
    work(&workspace).await;
    git(&workspace.folder, &["branch", "idea", "HEAD"]).await;
    let checkpoint = take(&world.host, &workspace, 1).await;

    let other = world.other_host("other");
    let restored =
        other.restore(&checkpoint, &world.request("a-1", "p-1")).await.expect("restored");
    assert_eq!((restored.seq, &restored.fell_back), (1, &None));
    let there = restored.workspace;
    assert_ne!(there.folder, workspace.folder);
    assert_eq!((&there.branch, &there.base_commit), (&workspace.branch, &workspace.base_commit));
    assert_eq!(head(&there.folder).await, head(&workspace.folder).await);
    assert_eq!(git(&there.folder, &["branch", "--show-current"]).await, workspace.branch);
    assert_eq!(git(&there.folder, &["branch"]).await, git(&workspace.folder, &["branch"]).await);
    assert_eq!(files(&there.folder), files_without_ignored(&workspace.folder));
    assert_eq!(files(&there.home), files(&workspace.home));

    // And the work goes on there.
    git(&there.folder, &["add", "-A"]).await;
    git(&there.folder, &["commit", "-qm", "second"]).await;
    assert_eq!(publish(&other, &there).await.n_commits, 2);
    let next = other.checkpoint(&there, &["session".into()], 2).await.expect("taken");
    assert!(matches!(next, Checkpointed::Taken(_)), "{next:?}");
}

#[tokio::test]
async fn checkpoint_does_not_disturb_the_agent() {
    let world = World::new().await;
    let workspace = world.prepare("a-1", "p-1").await;
    work(&workspace).await;
    git(&workspace.folder, &["stash", "push", "-q", "--", "b.txt"]).await;
    write(&workspace.folder.join("b.txt"), "changed again");
    let hook = workspace.folder.join(".git/hooks/reference-transaction");
    write(&hook, format!("#!/bin/sh\ntouch '{}'\n", workspace.home.join("ran").display()));
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("mine");
    let state = async || {
        let index = fs::read(workspace.folder.join(".git/index")).expect("readable");
        let refs = git(&workspace.folder, &["for-each-ref", "refs/heads", "refs/stash"]).await;
        let head = read(&workspace.folder.join(".git/HEAD"));
        let status =
            git(&workspace.folder, &["--no-optional-locks", "status", "--porcelain"]).await;
        (index, refs, head, status, files(&workspace.folder))
    };
    let before = state().await;
    take(&world.host, &workspace, 1).await;
    assert_eq!(state().await, before);
    assert!(!workspace.home.join("ran").exists(), "no hook of the agent runs");
    let leftovers = fs::read_dir(workspace.folder.join(".git")).expect("readable").filter(|it| {
        it.as_ref().is_ok_and(|it| it.file_name().to_string_lossy().contains("callboard-"))
    });
    assert_eq!(leftovers.count(), 0);
}

#[tokio::test]
async fn unchanged_workspace_is_not_stored_again() {
    let world = World::new().await;
    let workspace = world.prepare("a-1", "p-1").await;
    work(&workspace).await;
    let sessions = ["session".into()];
    let first = take(&world.host, &workspace, 1).await;
    let again = world.host.checkpoint(&workspace, &sessions, 2).await.expect("looked");
    assert_eq!(again, Checkpointed::Unchanged(first));
    assert_eq!(world.blobs.names(), ["checkpoint.a-1.1"]);

    write(&workspace.home.join("session/turns.jsonl"), "{\"turn\":2}\n");
    take(&world.host, &workspace, 2).await;
    git(&workspace.folder, &["checkout", "-q", "--detach"]).await;
    take(&world.host, &workspace, 3).await;
    write(&workspace.folder.join("target/cache"), "ignored files do not count");
    let again = world.host.checkpoint(&workspace, &sessions, 4).await.expect("looked");
    assert!(matches!(again, Checkpointed::Unchanged(_)), "{again:?}");
}

#[tokio::test]
async fn two_checkpoints_are_kept_and_they_are_small() {
    let world = World::new().await;
    // History that a checkpoint must not carry.
    let noise: String =
        (0..40_000_u32).map(|n| format!("{:x}", n.wrapping_mul(2_654_435_761))).collect();
    write(&world.repo.join("big.txt"), noise);
    git(&world.repo, &["add", "-A"]).await;
    git(&world.repo, &["commit", "-qm", "big"]).await;
    let mut request = world.request("a-1", "p-1");
    request.base = callboard_agent::workspace::Base::Project { start: head(&world.repo).await };
    let workspace = world.host.prepare(&request).await.expect("prepared");
    for seq in 1..=12 {
        write(&workspace.folder.join("b.txt"), seq.to_string());
        assert!(take(&world.host, &workspace, seq).await.bytes < 8_000);
    }
    assert_eq!(world.blobs.names(), ["checkpoint.a-1.11", "checkpoint.a-1.12"]);
}

#[tokio::test]
async fn too_large_work_is_named_and_the_last_checkpoint_stays() {
    let world = World::new().await;
    let host = world.host_with("small", |cfg| {
        cfg.checkpoint_bytes_max = 20_000;
        cfg.checkpoint_raw_bytes_max = 200_000;
    });
    let workspace = host.prepare(&world.request("a-1", "p-1")).await.expect("prepared");
    write(&workspace.folder.join("small.txt"), "small");
    take(&host, &workspace, 1).await;
    let mut state = 88_172_645_463_325_252_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    })
    .take(50_000)
    .collect();
    for (bytes, seq) in [(noise, 2), (vec![0; 300_000], 3)] {
        write(&workspace.folder.join("large.bin"), &bytes);
        match host.checkpoint(&workspace, &[], seq).await.expect("looked") {
            Checkpointed::TooLarge { bytes, bytes_max, missing } => {
                assert!(bytes > bytes_max);
                assert_eq!(missing[0], "large.bin");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(world.blobs.names(), ["checkpoint.a-1.1"]);
    fs::remove_file(workspace.folder.join("large.bin")).expect("removable");
    write(&workspace.folder.join("small.txt"), "smaller");
    take(&host, &workspace, 4).await;
}

#[tokio::test]
async fn damaged_newest_falls_back_to_the_older_and_says_so() {
    let world = World::new().await;
    let workspace = world.prepare("a-1", "p-1").await;
    write(&workspace.folder.join("b.txt"), "one");
    take(&world.host, &workspace, 1).await;
    write(&workspace.folder.join("b.txt"), "two");
    let newest = take(&world.host, &workspace, 2).await;
    let request = world.request("a-1", "p-1");

    world.blobs.change(&newest.blob, |bytes| bytes[100] ^= 1);
    let restored = world.other_host("x").restore(&newest, &request).await.expect("restored");
    assert_eq!(restored.seq, 1);
    let reason = restored.fell_back.expect("said");
    assert!(reason.contains("checkpoint 2") && reason.contains("digest"), "{reason}");
    assert_eq!(read(&restored.workspace.folder.join("b.txt")), "one");

    world.blobs.remove(&newest.blob);
    let restored = world.other_host("y").restore(&newest, &request).await.expect("restored");
    assert!(restored.fell_back.expect("said").contains("there is none"));

    world.blobs.change("checkpoint.a-1.1", |bytes| bytes.truncate(50));
    let error = world.other_host("z").restore(&newest, &request).await.expect_err("none left");
    let Error::NoCheckpoint { reason, .. } = error else { panic!("{error}") };
    assert!(reason.contains("checkpoint 2") && reason.contains("checkpoint 1"), "{reason}");
}

#[tokio::test]
async fn checkpoint_of_another_task_key_or_version_is_refused() {
    let world = World::new().await;
    let workspace = world.prepare("a-1", "p-1").await;
    let checkpoint = take(&world.host, &workspace, 1).await;
    let other = world.host_with("other", |cfg| cfg.key = [1; 32]);
    let error = other.restore(&checkpoint, &world.request("a-1", "p-1")).await;
    assert!(error.expect_err("refused").to_string().contains("another key"));
    let error = world.host.restore(&checkpoint, &world.request("a-1", "p-2")).await;
    assert!(error.expect_err("refused").to_string().contains("of task p-1"));
    world.blobs.change(&checkpoint.blob, |bytes| bytes[4] = 9);
    let mut unchecked = checkpoint;
    unchecked.sha256 = callboard_stdx::digest::sha256_hex(
        &callboard_substrate::Blobs::get(
            world.blobs.as_ref(),
            &callboard_substrate::name::BlobName::new(&unchecked.blob).expect("legal"),
        )
        .await
        .expect("stored"),
    );
    let error = world.host.restore(&unchecked, &world.request("a-1", "p-1")).await;
    assert!(error.expect_err("refused").to_string().contains("version 9"));
}

#[tokio::test]
async fn restoring_twice_gives_the_same_and_keeps_later_work() {
    let world = World::new().await;
    let workspace = world.prepare("a-1", "p-1").await;
    work(&workspace).await;
    let checkpoint = take(&world.host, &workspace, 1).await;
    let expected = files(&workspace.folder);

    write(&workspace.folder.join("later.txt"), "after the checkpoint");
    write(&workspace.home.join("session/turns.jsonl"), "later");
    write(&workspace.folder.join(".git/index.lock"), "");
    write(&workspace.folder.join(".git/MERGE_HEAD"), format!("{}\n", world.start));
    for _ in 0..2 {
        let request = world.request("a-1", "p-1");
        let restored = world.host.restore(&checkpoint, &request).await.expect("restored");
        assert_eq!(files(&restored.workspace.folder), expected, "ignored files stay");
        assert_eq!(read(&workspace.home.join("session/turns.jsonl")), "{\"turn\":1}\n");
        git(&workspace.folder, &["status"]).await;
    }
    let kept =
        git(&workspace.folder, &["for-each-ref", "--format=%(refname)", "refs/callboard/kept"])
            .await;
    let mut found = String::new();
    for name in kept.lines() {
        found += &git(&workspace.folder, &["ls-tree", "-r", "--name-only", name]).await;
    }
    assert!(found.contains("later.txt"), "{found}");
}

#[tokio::test]
async fn locks_of_a_killed_checkpoint_do_not_stop_the_next() {
    let world = World::new().await;
    let workspace = world.prepare("a-1", "p-1").await;
    commit(&workspace, "b.txt", "b").await;
    take(&world.host, &workspace, 1).await;
    publish(&world.host, &workspace).await;
    let refs = workspace.folder.join(".git/refs/callboard");
    for lock in ["wip.lock", "result/p-1/1.lock"] {
        write(&refs.join(lock), "");
    }
    let index_of_the_agent = workspace.folder.join(".git/index.lock");
    write(&index_of_the_agent, "");
    write(&workspace.folder.join("c.txt"), "c");
    take(&world.host, &workspace, 2).await;
    publish(&world.host, &workspace).await;
    assert!(index_of_the_agent.exists(), "the agent may be at work");
}

#[tokio::test]
async fn restoring_does_not_need_the_source_where_the_mirror_has_the_base() {
    let world = World::new().await;
    let workspace = world.prepare("a-1", "p-1").await;
    write(&workspace.folder.join("b.txt"), "work");
    let checkpoint = take(&world.host, &workspace, 1).await;
    fs::rename(&world.repo, world.folder.path().join("away")).expect("movable");
    fs::remove_dir_all(&workspace.folder).expect("removable");
    let request = world.request("a-1", "p-1");
    let restored = world.host.restore(&checkpoint, &request).await.expect("restored");
    assert_eq!(read(&restored.workspace.folder.join("b.txt")), "work");
    let error = world.other_host("other").restore(&checkpoint, &request).await;
    assert!(matches!(error, Err(Error::NoCheckpoint { .. })), "{error:?}");
}

#[tokio::test]
async fn broken_index_does_not_stand_in_the_way() {
    let world = World::new().await;
    let workspace = world.prepare("a-1", "p-1").await;
    write(&workspace.folder.join("b.txt"), "work");
    write(&workspace.folder.join(".git/index"), "garbage");
    let taken = world.host.checkpoint(&workspace, &[], 1).await.expect("taken");
    let Checkpointed::Taken(checkpoint) = taken else { panic!("{taken:?}") };
    let request = world.request("a-1", "p-1");
    let restored = world.host.restore(&checkpoint, &request).await.expect("restored");
    assert_eq!(read(&restored.workspace.folder.join("b.txt")), "work");
    assert_eq!(git(&workspace.folder, &["status", "--porcelain"]).await, "?? b.txt");
}

#[tokio::test]
async fn branch_without_commits_and_detached_head_are_restored() {
    let world = World::new().await;
    let workspace = world.prepare("a-1", "p-1").await;
    commit(&workspace, "b.txt", "b").await;
    git(&workspace.folder, &["checkout", "-q", "--detach", "HEAD~1"]).await;
    let detached = take(&world.host, &workspace, 1).await;
    git(&workspace.folder, &["checkout", "-q", "--orphan", "fresh"]).await;
    let orphan = take(&world.host, &workspace, 2).await;

    let other = world.other_host("other");
    let request = world.request("a-1", "p-1");
    let there = other.restore(&detached, &request).await.expect("restored").workspace;
    assert_eq!(head(&there.folder).await, world.start);
    assert_eq!(git(&there.folder, &["branch", "--show-current"]).await, "");
    let there = other.restore(&orphan, &request).await.expect("restored").workspace;
    assert_eq!(git(&there.folder, &["branch", "--show-current"]).await, "fresh");
    assert_eq!(read(&there.folder.join("a.txt")), "one\ntwo\nthree\n");
}

#[tokio::test]
async fn session_files_must_lie_under_the_home() {
    let world = World::new().await;
    let workspace = world.prepare("a-1", "p-1").await;
    for bad in ["../tree/a.txt", "/etc/passwd", ""] {
        let error = world.host.checkpoint(&workspace, &[bad.into()], 1).await.expect_err("refused");
        assert!(matches!(error, Error::BadInput { .. }), "{bad}: {error}");
    }
    symlink("/etc/passwd", workspace.home.join("link")).expect("writable");
    let taken = world.host.checkpoint(&workspace, &["link".into()], 1).await.expect("taken");
    let Checkpointed::Taken(checkpoint) = taken else { panic!("{taken:?}") };
    let other = world.other_host("other");
    let there = other.restore(&checkpoint, &world.request("a-1", "p-1")).await.expect("restored");
    assert!(!there.workspace.home.join("link").exists());
}
