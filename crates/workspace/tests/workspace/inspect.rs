//! Looking at sources.

use std::fs;

use callboard_agent::workspace::{Error, Source, Workspaces};

use crate::support::{World, git, head, write};

#[tokio::test]
async fn usable_sources_are_described() {
    let world = World::new().await;
    let facts = world.host.inspect(&world.source()).await.expect("usable");
    assert_eq!(facts.head, world.start);
    assert_eq!(facts.branch.as_deref(), Some("main"));
    assert_eq!((facts.n_dirty_files, facts.bare, facts.shallow), (0, false, false));

    write(&world.repo.join("sub/new.txt"), "x");
    write(&world.repo.join("a.txt"), "changed");
    let facts = world.host.inspect(&Source::Path(world.repo.join("sub"))).await.expect("usable");
    assert_eq!(facts.n_dirty_files, 2);
    assert_eq!(facts.source, world.source());

    git(&world.repo, &["checkout", "-q", "--detach"]).await;
    assert_eq!(world.host.inspect(&world.source()).await.expect("usable").branch, None);
}

#[tokio::test]
async fn bare_and_shallow_sources_are_usable() {
    let world = World::new().await;
    write(&world.repo.join("b.txt"), "b");
    git(&world.repo, &["add", "-A"]).await;
    git(&world.repo, &["commit", "-qm", "second"]).await;
    let url = format!("file://{}", world.repo.display());
    git(world.folder.path(), &["clone", "-q", "--bare", &url, "bare.git"]).await;
    git(world.folder.path(), &["clone", "-q", "--depth=1", &url, "shallow"]).await;

    for (name, bare, shallow) in [("bare.git", true, false), ("shallow", false, true)] {
        let source = Source::Path(world.folder.path().join(name));
        let facts = world.host.inspect(&source).await.expect("usable");
        assert_eq!((facts.bare, facts.shallow), (bare, shallow), "{name}");
        let mut request = world.request(&name.replace('.', "-"), "p-1");
        request.base = callboard_agent::workspace::Base::Project { start: facts.head.clone() };
        request.source = facts.source;
        let workspace = world.host.prepare(&request).await.expect("prepared");
        assert_eq!(head(&workspace.folder).await, facts.head);
        crate::support::commit(&workspace, "c.txt", "c").await;
        let published = crate::support::publish(&world.host, &workspace).await;
        let mut integration = world.integration(&published, Some("test -e c.txt"));
        integration.source = request.source;
        integration.start = facts.head;
        integration.project = request.project;
        let unfenced = callboard_agent::workspace::Unfenced;
        let merged = world.host.integrate(&integration, &unfenced).await.expect("integrated");
        assert!(
            matches!(
                merged,
                callboard_agent::workspace::Integration::Merged { already: false, .. }
            ),
            "{merged:?}"
        );
        fs::remove_dir_all(world.data_dir().join("integration")).expect("removable");
    }
}

#[tokio::test]
async fn url_source_works_like_a_path() {
    let world = World::new().await;
    let bare = world.folder.path().join("served.git");
    let name = bare.display().to_string();
    git(&world.repo, &["clone", "-q", "--bare", ".", &name]).await;
    let source = Source::Url(format!("file://{name}"));
    let facts = world.host.inspect(&source).await.expect("reachable");
    assert_eq!((facts.head, facts.branch.as_deref()), (world.start.clone(), Some("main")));

    let mut request = world.request("a-1", "p-1");
    request.source = source.clone();
    let workspace = world.host.prepare(&request).await.expect("prepared");
    crate::support::commit(&workspace, "b.txt", "b").await;
    let mut integration =
        world.integration(&crate::support::publish(&world.host, &workspace).await, None);
    integration.source = source;
    let unfenced = callboard_agent::workspace::Unfenced;
    world.host.integrate(&integration, &unfenced).await.expect("integrated");
    assert_eq!(git(&bare, &["show", "callboard/p:b.txt"]).await, "b");
}

#[tokio::test]
async fn bundle_source_gets_its_result_as_a_blob() {
    let world = World::new().await;
    let file = world.folder.path().join("source.bundle");
    git(&world.repo, &["bundle", "create", "-q", &file.display().to_string(), "HEAD", "main"])
        .await;
    world.blobs.insert("source.p", fs::read(&file).expect("readable"));
    let source = Source::Bundle("source.p".to_owned());
    let facts = world.host.inspect(&source).await.expect("usable");
    assert_eq!((facts.head, facts.branch.as_deref()), (world.start.clone(), Some("main")));

    for (task, file) in [("p-1", "b.txt"), ("p-2", "c.txt")] {
        let mut request = world.request("a-1", task);
        request.source = source.clone();
        let workspace = world.host.prepare(&request).await.expect("prepared");
        assert_eq!(workspace.folder.join("b.txt").exists(), task == "p-2");
        crate::support::commit(&workspace, file, "text").await;
        let mut integration =
            world.integration(&crate::support::publish(&world.host, &workspace).await, None);
        integration.source = source.clone();
        let unfenced = callboard_agent::workspace::Unfenced;
        world.host.integrate(&integration, &unfenced).await.expect("integrated");
    }
    assert!(world.blobs.names().contains(&"integrated.p".to_owned()));
}

#[tokio::test]
async fn unusable_sources_are_refused_with_the_reason() {
    let world = World::new().await;
    let path = |name: &str| Source::Path(world.folder.path().join(name));
    fs::create_dir(world.folder.path().join("plain")).expect("writable");
    fs::create_dir(world.folder.path().join("empty")).expect("writable");
    git(&world.folder.path().join("empty"), &["init", "-q"]).await;
    write(&world.folder.path().join("file"), "x");

    let missing = world.host.inspect(&path("nothing")).await.expect_err("refused");
    assert!(matches!(missing, Error::NotFound { .. }), "{missing}");
    for name in ["plain", "file"] {
        let error = world.host.inspect(&path(name)).await.expect_err("refused");
        assert!(matches!(error, Error::NotARepository { .. }), "{name}: {error}");
    }
    let empty = world.host.inspect(&path("empty")).await.expect_err("refused");
    assert!(matches!(empty, Error::NoCommit { .. }), "{empty}");
    let gone = Source::Url(format!("file://{}/nothing", world.folder.path().display()));
    let gone = world.host.inspect(&gone).await.expect_err("refused");
    assert!(matches!(gone, Error::Unreachable { .. }), "{gone}");
    for url in ["ext::sh -c id", "--upload-pack=id", "", "https://x/\n"] {
        let error = world.host.inspect(&Source::Url(url.to_owned())).await.expect_err("refused");
        assert!(matches!(error, Error::BadInput { .. }), "{url}: {error}");
    }
}
