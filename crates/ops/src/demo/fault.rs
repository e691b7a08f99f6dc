//! The fault of the demo: an agent's processes and its workspace are gone in one moment.

use std::fs;
use std::io;

use callboard_stdx::clock::{Clock, SystemClock};
use chrono::{DateTime, Utc};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::folder::Folder;
use super::story::Victim;

/// Kills the guard of the victim's program, and with it its whole tree, and takes its workspace away.
/// Returns when.
///
/// # Errors
/// The guard is gone already, or the workspace cannot be removed.
pub(super) fn strike(victim: &Victim, folder: &Folder) -> io::Result<DateTime<Utc>> {
    let at = SystemClock.now();
    kill(Pid::from_raw(victim.pid.cast_signed()), Signal::SIGKILL).map_err(io::Error::from)?;
    // In one step, so that it is gone before the node can have noticed anything.
    fs::rename(folder.workspace(&victim.agent), folder.removed())?;
    fs::remove_dir_all(folder.removed())?;
    Ok(at)
}
