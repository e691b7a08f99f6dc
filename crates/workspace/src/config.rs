//! What the workspaces of a node need to know.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use callboard_process::Environment;

/// The configuration. [`Config::new`] has the defaults.
#[derive(Clone)]
pub struct Config {
    /// The folder under which everything lies. One node owns it.
    pub data_dir: PathBuf,
    /// The cluster's key: checkpoints are encrypted with it.
    pub key: [u8; 32],
    /// The git program; default `git`.
    pub git: OsString,
    /// What git and check commands see of the environment; default [`Environment::cleaned`].
    pub environment: Environment,
    /// How long one git command on local files may take, in milliseconds; default 60,000. Then it
    /// is killed and the call fails.
    pub git_deadline_ms: u64,
    /// How long one git command that copies history may take, in milliseconds; default 600,000.
    pub fetch_deadline_ms: u64,
    /// How long a lock on the project's branch in the person's repository may stand unchanged, in
    /// milliseconds; default 2,000. Then it is of a killed git process and removed. Locks of other
    /// branches are never touched.
    pub stale_lock_ms: u64,
    /// The largest checkpoint, in bytes; default 64 MiB. A larger one is not taken, and said.
    pub checkpoint_bytes_max: u64,
    /// How many bytes of changed and untracked files a checkpoint may read; default 512 MiB. Above,
    /// it is not taken, and said.
    pub checkpoint_raw_bytes_max: u64,
    /// How many checkpoints of an agent are kept; default 2.
    pub n_checkpoints_kept: usize,
    /// How many bytes of a patch are shown; default 1 MiB. What is over is cut, and said.
    pub patch_bytes_max: usize,
    /// How many bytes of a check's output are kept, from its end; default 16 KiB.
    pub check_output_bytes_max: usize,
}

impl Config {
    /// The defaults.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>, key: [u8; 32]) -> Self {
        Self {
            data_dir: data_dir.into(),
            key,
            git: "git".into(),
            environment: Environment::cleaned(),
            git_deadline_ms: 60_000,
            fetch_deadline_ms: 600_000,
            stale_lock_ms: 2_000,
            checkpoint_bytes_max: 64 << 20,
            checkpoint_raw_bytes_max: 512 << 20,
            n_checkpoints_kept: 2,
            patch_bytes_max: 1 << 20,
            check_output_bytes_max: 16 << 10,
        }
    }
}

/// Without the key.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("data_dir", &self.data_dir)
            .field("git", &self.git)
            .finish_non_exhaustive()
    }
}
