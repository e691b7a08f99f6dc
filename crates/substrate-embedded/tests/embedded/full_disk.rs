//! A full disk: no acknowledgement is lost, no refusal is a lie, the alert says what to do.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use callboard_substrate::log::{AppendError, Position};
use callboard_substrate_embedded::{Config, Embedded};
use uuid::Uuid;

use crate::support::{Owner, child, child_folder, open};

/// What the appends of a test came to.
#[derive(Default)]
struct Outcomes {
    appended: BTreeSet<Uuid>,
    not_written: BTreeSet<Uuid>,
    unknown: BTreeSet<Uuid>,
}

impl Outcomes {
    fn note(&mut self, id: Uuid, outcome: Result<(), AppendError>) {
        match outcome {
            Ok(()) => self.appended.insert(id),
            Err(AppendError::NotWritten { .. }) => self.not_written.insert(id),
            Err(AppendError::Unknown { .. }) => self.unknown.insert(id),
            Err(AppendError::Conflict { .. }) => panic!("there is one owner"),
        };
    }

    /// Compares with what is stored.
    async fn check(&self, embedded: &Embedded) {
        let log = embedded.substrate().log;
        let stored = log.read_all(Position::default(), usize::MAX).await.expect("readable");
        let stored: BTreeSet<_> = stored.into_iter().map(|stored| stored.id).collect();
        assert!(self.appended.is_subset(&stored), "an acknowledged commit is missing");
        assert!(self.not_written.is_disjoint(&stored), "a refused commit is stored");
        let verified = embedded.verify_all().await.expect("readable");
        assert_eq!(verified.n_damages, 0, "{:?}", verified.damages);
    }
}

/// Appends from one owner after the other until `n_failed_max` appends failed.
async fn fill(embedded: &Embedded, n_failed_max: usize) -> Outcomes {
    let log = embedded.substrate().log;
    let mut outcomes = Outcomes::default();
    for n in 0..100_000 {
        let mut owner = Owner::new(&format!("{}-{n}", Uuid::now_v7()));
        let (id, outcome) = owner.append(&*log, 1 + n * 997 % 20_000).await;
        outcomes.note(id, outcome.map(|_| ()));
        if outcomes.not_written.len() + outcomes.unknown.len() >= n_failed_max {
            return outcomes;
        }
    }
    panic!("the disk was never full");
}

#[tokio::test]
async fn size_limit_refuses_and_alerts_until_it_is_raised() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cfg = Config { database_bytes_max: Some(1 << 20), ..Config::default() };
    let embedded = Embedded::open(folder.path(), cfg).expect("opens");
    let outcomes = fill(&embedded, 5).await;
    assert!(!outcomes.appended.is_empty() && outcomes.unknown.is_empty());
    let health = embedded.health();
    assert_eq!((health.n_not_written, health.n_unknown), (5, 0));
    let [alert] = &health.alerts[..] else { panic!("{health:?}") };
    let folder_name = folder.path().display().to_string();
    assert!(alert.contains("no space") && alert.contains(&folder_name), "{alert}");
    assert!(alert.contains("database_bytes_max") && alert.contains("--data-dir"), "{alert}");
    embedded.close().await;

    let embedded = open(folder.path());
    outcomes.check(&embedded).await;
    Owner::new("later").append(&*embedded.substrate().log, 20_000).await.1.expect("appended");
    embedded.close().await;
}

/// A limit on the size of files makes writes fail in the middle, COMMIT included.
#[tokio::test]
async fn failing_writes_are_told_as_they_are() {
    if let Some(folder) = child_folder() {
        let embedded = open(&folder);
        let outcomes = fill(&embedded, 40).await;
        assert!(!embedded.health().alerts.is_empty());
        // Without the limit, the parent looks at what is really there.
        let told = [&outcomes.appended, &outcomes.not_written, &outcomes.unknown]
            .map(|ids| ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(" "));
        let line = format!("\ntold,{},.\n", told.join(","));
        std::io::stdout().write_all(line.as_bytes()).expect("the parent reads");
        embedded.close().await;
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let limit = "trap '' XFSZ; ulimit -f 600; exec \"$@\"";
    let wrapper = ["sh", "-c", limit, "sh"];
    let output = child("full_disk::failing_writes_are_told_as_they_are", folder.path(), &wrapper)
        .stderr(Stdio::inherit())
        .output()
        .expect("sh starts");
    let text = String::from_utf8(output.stdout).expect("text");
    let line =
        text.lines().find(|line| line.starts_with("told,")).unwrap_or_else(|| panic!("{text}"));
    let fields: Vec<BTreeSet<Uuid>> = line
        .split(',')
        .map(|ids| ids.split(' ').filter_map(|id| id.parse().ok()).collect())
        .collect();
    let [_, appended, not_written, unknown, _] = &fields[..] else { panic!("{line}") };
    assert!(!appended.is_empty() && not_written.len() + unknown.len() == 40, "{line}");
    let outcomes = Outcomes {
        appended: appended.clone(),
        not_written: not_written.clone(),
        unknown: unknown.clone(),
    };
    let embedded = open(folder.path());
    outcomes.check(&embedded).await;
    embedded.close().await;
}

/// A real file system without space, in a mount namespace of the child. It needs the right to
/// mount: root, or user namespaces.
#[tokio::test]
async fn full_disk_is_survived_and_forgotten_when_space_is_back() {
    if let Some(folder) = child_folder() {
        return fill_and_free(&folder).await;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mount = "mount -t tmpfs -o size=4m callboard-test \"$1\" && shift && exec \"$@\"";
    let path = folder.path().to_str().expect("text");
    let wrapper = ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh", path];
    let test = "full_disk::full_disk_is_survived_and_forgotten_when_space_is_back";
    let output = child(test, folder.path(), &wrapper).output().expect("unshare is installed");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "the child failed; it needs the right to mount (root, or user namespaces):\n{text}{}",
        String::from_utf8_lossy(&output.stderr),
    );
}

async fn fill_and_free(mount: &Path) {
    let ballast = mount.join("ballast");
    fs::write(&ballast, vec![0; 1 << 20]).expect("there is space");
    let folder = mount.join("data");
    let embedded = open(&folder);
    let outcomes = fill(&embedded, 10).await;
    assert!(outcomes.unknown.is_empty(), "a full disk leaves nothing unknown");
    let [alert] = &embedded.health().alerts[..] else { panic!("{:?}", embedded.health()) };
    assert!(alert.contains("no space"), "{alert}");

    fs::remove_file(ballast).expect("removable");
    Owner::new("later").append(&*embedded.substrate().log, 10).await.1.expect("appended");
    assert!(embedded.health().alerts.is_empty(), "{:?}", embedded.health());
    outcomes.check(&embedded).await;
    embedded.close().await;

    let embedded = open(&folder);
    outcomes.check(&embedded).await;
    embedded.close().await;
}
