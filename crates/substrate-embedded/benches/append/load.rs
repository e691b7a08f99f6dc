//! The load: 256 concurrent appenders over 1,000 streams.

use std::sync::Arc;

use callboard_stdx::task::{self, Kind};
use callboard_substrate::EventLog;
use callboard_substrate::log::{Commit, Stored, Version};
use callboard_substrate::name::Stream;
use callboard_substrate_embedded::{Config, Embedded};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

pub(crate) const N_APPENDERS: usize = 256;
pub(crate) const N_STREAMS: usize = 1_000;
pub(crate) const BODY: [u8; 256] = [b'x'; 256];

/// A folder on the disk that holds the build, not in memory.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder")
}

pub(crate) fn stream(idx: usize) -> Stream {
    Stream::new(format!("agent.bench-{idx}")).expect("a legal name")
}

/// An open substrate, and where each appender's streams stand.
pub(crate) struct Load {
    runtime: Runtime,
    folder: TempDir,
    embedded: Embedded,
    appenders: Vec<Vec<(Stream, Version)>>,
}

impl Load {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .expect("a runtime starts");
        let folder = folder();
        let embedded = Embedded::open(folder.path(), Config::default()).expect("it opens");
        let mut appenders = vec![Vec::new(); N_APPENDERS];
        for idx in 0..N_STREAMS {
            appenders[idx % N_APPENDERS].push((stream(idx), Version::EMPTY));
        }
        Self { runtime, folder, embedded, appenders }
    }

    /// Appends about `n` commits, spread evenly; each appender has one under way. Says how many.
    pub(crate) fn append(&mut self, n: usize) -> usize {
        let n_each = n.div_ceil(N_STREAMS);
        let tasks: Vec<_> = std::mem::take(&mut self.appenders)
            .into_iter()
            .map(|streams| (self.embedded.substrate().log, streams))
            .collect();
        self.appenders = self.runtime.block_on(async move {
            let tasks: Vec<_> = tasks
                .into_iter()
                .map(|(log, streams)| {
                    task::spawn(Kind::Work, "appender", append_each(log, streams, n_each))
                })
                .collect();
            let mut appenders = Vec::new();
            for task in tasks {
                appenders.push(task.join().await.expect("an appender ends"));
            }
            appenders
        });
        n_each * N_STREAMS
    }

    pub(crate) fn read(&self, after: Version, n_max: usize) -> Vec<Stored> {
        let log = self.embedded.substrate().log;
        self.runtime.block_on(log.read(&stream(7), after, n_max)).expect("readable")
    }

    pub(crate) fn find(&self, id: Uuid) -> Option<Stored> {
        let log = self.embedded.substrate().log;
        self.runtime.block_on(log.find(&stream(7), id)).expect("readable")
    }

    /// One append after the other, so that each waits for a sync of its own.
    pub(crate) fn append_alone(&mut self, n: usize) {
        let log = self.embedded.substrate().log;
        let streams = self.appenders[0].drain(..1).collect();
        let streams = self.runtime.block_on(append_each(log, streams, n));
        self.appenders[0].extend(streams);
    }

    pub(crate) fn log_path(&self) -> std::path::PathBuf {
        self.folder.path().join("log.sqlite")
    }

    pub(crate) fn stop(self) {
        self.runtime.block_on(self.embedded.close());
    }
}

async fn append_each(
    log: Arc<dyn EventLog>,
    mut streams: Vec<(Stream, Version)>,
    n_each: usize,
) -> Vec<(Stream, Version)> {
    for n in 0..n_each {
        for (stream, version) in &mut streams {
            let commit = Commit { id: Uuid::from_u128(n as u128 + 1), bytes: BODY.to_vec() };
            *version = log.append(stream, *version, commit).await.expect("appended").version;
        }
    }
    streams
}
