//! The fault of the demo: an agent's processes and its workspace are gone in one moment.

use std::fs;
use std::io;

use callboard_stdx::clock::{Clock, SystemClock};
use chrono::{DateTime, Utc};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::folder::Folder;
use super::story::Victim;

/// Kills the guard of the victim's program, and with it its whole tree, and takes its workspace away.
/// Returns when; `None` where its program ended by itself in this moment, and nothing was done.
///
/// # Errors
/// The workspace cannot be removed.
pub(super) fn strike(victim: &Victim, folder: &Folder) -> io::Result<Option<DateTime<Utc>>> {
    let at = SystemClock.now();
    match kill(Pid::from_raw(victim.pid.cast_signed()), Signal::SIGKILL) {
        Err(Errno::ESRCH) => return Ok(None),
        killed => killed?,
    }
    // In one step, so that it is gone before the node can have noticed anything.
    fs::rename(folder.workspace(&victim.agent), folder.removed())?;
    fs::remove_dir_all(folder.removed())?;
    Ok(Some(at))
}
