//! `kill -9` at any moment loses nothing that was acknowledged.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use callboard_stdx::task::{self, Kind};
use callboard_substrate::log::Version;

use crate::support::{Owner, child, child_folder, open, stream};

const N_OWNERS: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_commits_survive_kill() {
    if let Some(folder) = child_folder() {
        append_for_ever(&folder).await;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    // The last acknowledged version of each stream.
    let mut acknowledged = BTreeMap::new();
    for n_lines in [1, 40, 333, 1_500] {
        kill_after(n_lines, folder.path(), &mut acknowledged);
        let embedded = open(folder.path());
        let verified = embedded.verify_all().await.expect("readable");
        assert_eq!(verified.n_damages, 0, "{:?}", verified.damages);
        let log = embedded.substrate().log;
        for (name, (version, id)) in &acknowledged {
            let after = Version(version - 1);
            let commits = log.read(&stream(name), after, 1).await.expect("readable");
            assert_eq!(commits.first().map(|stored| stored.id.to_string()).as_ref(), Some(id));
        }
        embedded.close().await;
    }
    assert_eq!(acknowledged.len(), N_OWNERS, "every owner was heard");
}

/// Starts a child, kills it after `n_lines`, and notes every acknowledgement that it told.
fn kill_after(n_lines: usize, folder: &Path, acknowledged: &mut BTreeMap<String, (u64, String)>) {
    let mut child = child("kill::acknowledged_commits_survive_kill", folder, &[])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test binary starts");
    let stdout = child.stdout.take().expect("piped");
    let mut n = 0;
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let fields: Vec<_> = line.split(' ').collect();
        // The last line may be cut, and libtest prints its own.
        let ["appended", name, version, id, "."] = fields[..] else { continue };
        let version = version.parse().expect("a number");
        acknowledged.insert(name.to_owned(), (version, id.to_owned()));
        n += 1;
        if n == n_lines {
            child.kill().expect("it runs");
        }
    }
    child.wait().expect("it was killed");
    assert!(n >= n_lines, "the child ended after {n} lines");
}

/// The child: appends to several streams and prints each acknowledgement, until it is killed.
async fn append_for_ever(folder: &Path) {
    let embedded = open(folder);
    let owners: Vec<_> = (0..N_OWNERS)
        .map(|n| {
            let log = embedded.substrate().log;
            task::spawn(Kind::Work, "owner", async move {
                let name = format!("owner-{n}");
                let mut owner = Owner::load(&*log, &name).await;
                loop {
                    let (id, outcome) = owner.append(&*log, 300).await;
                    let version = outcome.expect("appended").version.0;
                    let line = format!("appended {name} {version} {id} .\n");
                    std::io::stdout().write_all(line.as_bytes()).expect("the parent reads");
                }
            })
        })
        .collect();
    for owner in owners {
        owner.join().await;
    }
}
