//! One process per folder: an exclusive lock on `<folder>/lock`, which holds the owner's pid.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::open_error::OpenError;

/// The held lock. The operating system frees it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct FolderLock(Mutex<Option<Flock<File>>>);

impl FolderLock {
    pub(crate) fn acquire(folder: &Path) -> Result<Self, OpenError> {
        let path = folder.join("lock");
        let failed = |action, source| OpenError::Io { action, path: path.clone(), source };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|source| failed("open", source))?;
        let mut flock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(flock) => flock,
            Err((mut file, Errno::EWOULDBLOCK)) => {
                return Err(OpenError::Locked { folder: folder.into(), pid: read_pid(&mut file) });
            }
            Err((_, errno)) => return Err(failed("lock", errno.into())),
        };
        write_pid(&mut flock).map_err(|source| failed("write", source))?;
        Ok(Self(Mutex::new(Some(flock))))
    }

    /// Frees the folder for another process.
    pub(crate) fn release(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}
