//! A program that outlives this one: the node in the background.
//!
//! Nobody owns it: it is ended by its own means. It must make a session of its own first thing
//! ([`own_session`]), so that closing the terminal does not end it.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What to run.
#[derive(Debug, Clone)]
pub struct Detached<'a> {
    /// The program.
    pub program: &'a Path,
    /// Its arguments.
    pub args: &'a [std::ffi::OsString],
    /// Its working directory.
    pub folder: &'a Path,
    /// Where its standard output and error are appended, for this user alone.
    pub log: &'a Path,
}

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its log cannot be opened.
    #[error("failed to open the log {path}")]
    Log {
        /// The log.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The operating system did not start it.
    #[error("failed to start {program}")]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Starts it with this program's environment. Dropping the answer leaves it running.
///
/// # Errors
/// See [`Error`].
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that starts what outlives its starter"
)]
pub fn spawn(what: &Detached<'_>) -> Result<Child, Error> {
    let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(what.log);
    let log = opened.map_err(|source| Error::Log { path: what.log.to_owned(), source })?;
    let second = log.try_clone();
    let second = second.map_err(|source| Error::Log { path: what.log.to_owned(), source })?;
    Command::new(what.program)
        .args(what.args)
        .current_dir(what.folder)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(second)
        .spawn()
        .map_err(|source| Error::Start { program: what.program.to_owned(), source })
}

/// Leaves the session and terminal of the starter. To be called by the started program itself.
///
/// # Errors
/// It leads a process group, which nothing started by [`spawn`] does.
pub fn own_session() -> io::Result<()> {
    nix::unistd::setsid()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_appended_to_a_log_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("node.log");
        let args = ["-c".into(), "echo one; echo two >&2".into()];
        for _ in 0..2 {
            let program = Path::new("/bin/sh");
            let what = Detached { program, args: &args, folder: folder.path(), log: &log };
            let mut child = spawn(&what).expect("sh starts");
            assert!(child.wait().expect("it ends").success());
        }
        let text = std::fs::read_to_string(&log).expect("readable");
        assert_eq!(text, "one\ntwo\none\ntwo\n");
        let mode = std::fs::metadata(&log).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
