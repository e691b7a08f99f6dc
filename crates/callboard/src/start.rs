//! Starts a node in the background and waits until it answers.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use callboard_api::error::Code;
use callboard_client::Client;
use callboard_node::{DataFolder, RuntimeFile};
use callboard_process::detached::{self, Detached};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::Instant;

use crate::failure::{Failure, chain};
use crate::{data, host};

/// How long a node may take until it answers.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How much of its log is shown where it did not start.
const LOG_BYTES_SHOWN: u64 = 4 * 1024;

/// A node that answers.
pub(crate) struct Started {
    pub(crate) file: RuntimeFile,
    /// Whether it ran already: another command was faster.
    pub(crate) ran: bool,
}

/// Starts `callboard up` in `folder`, whose configuration file it reads, with these arguments besides
/// the data folder's.
pub(crate) fn in_background(
    data: &DataFolder,
    folder: &Path,
    args: &[OsString],
) -> Result<Started, Failure> {
    data.create()?;
    let _lock = lock(data)?;
    if let Some(file) = data::running(data)? {
        return Ok(Started { file, ran: true });
    }
    let failed = |error: std::io::Error| Failure::new(Code::Failed, error.to_string());
    let program = std::env::current_exe().map_err(failed)?;
    let log = data.log_file();
    let mut all: Vec<OsString> = vec!["up".into(), "--own-session".into()];
    all.extend(["--data-dir".into(), data.path().into()]);
    all.extend(args.iter().cloned());
    let begin = std::fs::metadata(&log).map_or(0, |metadata| metadata.len());
    let what = Detached { program: &program, args: &all, folder, log: &log };
    let mut child =
        detached::spawn(&what).map_err(|error| Failure::new(Code::Failed, chain(&error)))?;
    let file = wait(data, &mut child).map_err(|text| {
        let end = log_end(&log, begin);
        let path = log.display();
        Failure::new(Code::Failed, format!("{text}; the end of its log {path}:\n{end}"))
    })?;
    Ok(Started { file, ran: false })
}

/// Only one command at a time starts a node; the others wait and then find it.
fn lock(data: &DataFolder) -> Result<Flock<File>, Failure> {
    let path = data.path().join("start.lock");
    let failed = |reason: String| {
        Failure::new(Code::Failed, format!("failed to lock {}: {reason}", path.display()))
    };
    let file = File::create(&path).map_err(|error| failed(error.to_string()))?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| failed(errno.to_string()))
}

fn wait(data: &DataFolder, child: &mut Child) -> Result<RuntimeFile, String> {
    let end = Instant::now() + ANSWERS_WITHIN;
    loop {
        if let Ok(Some(file)) = data::running(data)
            && answers(&file)
        {
            return Ok(file);
        }
        match child.try_wait() {
            Ok(Some(status)) => return Err(format!("the node did not start ({status})")),
            Ok(None) => {}
            Err(error) => return Err(format!("the node cannot be watched: {error}")),
        }
        if Instant::now() >= end {
            let pid = i32::try_from(child.id()).expect("process ids are small");
            // One that is gone already needs no signal.
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
            return Err("the node did not answer within 20 s and was told to stop".to_owned());
        }
        pause(LOOK_EVERY);
    }
}

/// Whether a node answers.
pub(crate) fn answers(file: &RuntimeFile) -> bool {
    let endpoint = host::endpoint(file);
    endpoint.is_ok_and(|it| Client::new(&it.url, &it.token).healthz().is_ok())
}

/// The end of what this start wrote.
fn log_end(log: &Path, begin: u64) -> String {
    let read = || {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        let begin = if begin <= length { begin } else { 0 };
        file.seek(SeekFrom::Start(begin.max(length.saturating_sub(LOG_BYTES_SHOWN))))?;
        let mut bytes = Vec::new();
        file.take(LOG_BYTES_SHOWN).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    match read() {
        Ok(bytes) => String::from_utf8_lossy(&bytes).trim_end().to_owned(),
        Err(error) => format!("(it cannot be read: {error})"),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command line has one thread and nothing else to do"
)]
fn pause(moment: Duration) {
    std::thread::sleep(moment);
}
