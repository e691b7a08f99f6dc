//! The agent programs of this node: described, found, driven.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use callboard_agent::description::{self, Description, Protocol};
use callboard_agent::{Runtime, StartError};
use callboard_domain::id::ProgramName;
use callboard_orchestration::services::Program;
use callboard_process::Launcher;
use callboard_runtimes::scripted::{self, ScriptedRuntime};
use callboard_runtimes::stdio::{self, StdioRuntime};
use callboard_stdx::clock::SharedClock;

use crate::config;
use crate::secrets::Secrets;

/// The programs that can be driven, and what was found of each.
pub struct Found {
    /// By the name of the runtime.
    pub programs: BTreeMap<ProgramName, Program>,
    /// The version of each, or why it cannot be used.
    pub probed: BTreeMap<ProgramName, Result<String, String>>,
}

impl Found {
    /// The runtime of projects that name none: the configured one, else the first real program that is
    /// there. `scripted` is never chosen by itself.
    #[must_use]
    pub fn default_runtime(&self, configured: Option<&str>) -> Option<ProgramName> {
        if let Some(name) = configured {
            return ProgramName::new(name).ok();
        }
        let usable = |(name, probed): (&ProgramName, &Result<String, String>)| {
            (probed.is_ok() && name.as_str() != "scripted").then(|| name.clone())
        };
        self.probed.iter().find_map(usable)
    }
}

/// Why a description cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProgramsError {
    /// Its file cannot be read.
    #[error("failed to read the description {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// It is wrong.
    #[error("failed to accept the description {path}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: description::Error,
    },
}

/// Everything that a driver needs of its node.
pub(crate) struct Host {
    pub(crate) launcher: Launcher,
    pub(crate) owner: String,
    pub(crate) clock: SharedClock,
}

/// The built-in descriptions, and those of the configuration in their place.
///
/// # Errors
/// See [`ProgramsError`].
pub fn descriptions(
    cfg: &config::Programs,
) -> Result<BTreeMap<ProgramName, Description>, ProgramsError> {
    let mut all = description::builtin();
    for path in &cfg.descriptions {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ProgramsError::Read { path: path.clone(), source })?;
        let read = description::parse(&path.display().to_string(), &text)
            .map_err(|source| ProgramsError::Wrong { path: path.clone(), source })?;
        all.insert(read.name.clone(), read);
    }
    Ok(all)
}

/// Makes the drivers, and asks each program for its version.
pub(crate) async fn find_with(
    cfg: &config::Programs,
    host: &Host,
    mut secrets: Secrets,
) -> Result<Found, ProgramsError> {
    let mut found = Found { programs: BTreeMap::new(), probed: BTreeMap::new() };
    for (name, description) in descriptions(cfg)? {
        let mut env = secrets.env.remove(name.as_str()).unwrap_or_default();
        env.retain(|_, value| !value.is_empty());
        let (memory_bytes, cpu_millis) =
            (description.resources.memory_mib * 1024 * 1024, description.resources.cpu_millis);
        let runtime = driver(cfg, host, description);
        let probed = runtime.probe().await.map_err(|error: StartError| error.to_string());
        found.probed.insert(name.clone(), probed);
        found.programs.insert(name, Program { runtime, memory_bytes, cpu_millis, env });
    }
    Ok(found)
}

fn driver(cfg: &config::Programs, host: &Host, description: Description) -> Arc<dyn Runtime> {
    let (launcher, owner) = (host.launcher.clone(), host.owner.clone());
    match description.protocol {
        Protocol::StreamJson => {
            let bypass_permissions = cfg.bypass_permissions;
            let cfg = stdio::Config { bypass_permissions, ..stdio::Config::default() };
            Arc::new(StdioRuntime::new(cfg, description, launcher, owner, host.clock.clone()))
        }
        Protocol::Scripted => {
            let (cfg, program) = (scripted::Config::default(), "/proc/self/exe");
            Arc::new(ScriptedRuntime::new(cfg, launcher, program, owner, host.clock.clone()))
        }
    }
}

/// Looks for the programs without a node: for `init` and `doctor`.
///
/// # Errors
/// See [`ProgramsError`].
pub async fn find(cfg: &config::Programs) -> Result<Found, ProgramsError> {
    let host = Host {
        launcher: Launcher::this_program(),
        owner: "probe".to_owned(),
        clock: Arc::new(callboard_stdx::clock::SystemClock),
    };
    find_with(cfg, &host, Secrets::default()).await
}
