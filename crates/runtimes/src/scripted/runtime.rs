//! The runtime of the scripted program.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use callboard_agent::runtime::{Launch, Runtime, Session, StartError};
use callboard_domain::id::ProgramName;
use callboard_process::guarded::{self, Isolation};
use callboard_process::{Environment, Launcher, Marks};
use callboard_stdx::clock::SharedClock;
use callboard_stdx::error::chain;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::codec::ScriptedCodec;
use super::{CodecConfig, SUBCOMMAND, journal};
use crate::session::{self, PipeSession};

/// The limits and choices of the runtime.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The limits of the protocol.
    pub codec: CodecConfig,
    /// The limits of a session.
    pub session: session::Config,
    /// What holds the process tree together; tests choose, the host decides elsewhere.
    #[serde(skip)]
    pub isolation: Isolation,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            codec: CodecConfig::default(),
            session: session::Config::default(),
            isolation: Isolation::Auto,
        }
    }
}

/// Drives scripted programs.
pub struct ScriptedRuntime {
    cfg: Config,
    name: ProgramName,
    launcher: Launcher,
    /// The binary that is the program: it calls [`super::main`] for [`SUBCOMMAND`].
    program: PathBuf,
    /// The id of the node's data folder, which marks its processes.
    owner: String,
    clock: SharedClock,
}

impl ScriptedRuntime {
    /// A runtime named `scripted`. `program` is a path that is the same for every process, which
    /// `/proc/self/exe` is too.
    #[must_use]
    pub fn new(
        cfg: Config,
        launcher: Launcher,
        program: impl Into<PathBuf>,
        owner: String,
        clock: SharedClock,
    ) -> Self {
        let name = ProgramName::new("scripted").expect("a legal name");
        Self { cfg, name, launcher, program: program.into(), owner, clock }
    }

    fn spec(&self, launch: &Launch, session: &str) -> guarded::Spec {
        let marks = Marks {
            agent: launch.agent.to_string(),
            epoch: launch.epoch,
            owner: self.owner.clone(),
        };
        let launcher = self.launcher.clone();
        let mut spec = guarded::Spec::new(launcher, &self.program, &launch.folder, marks);
        let how = if launch.resume.is_some() { "resume" } else { "new" };
        spec.args = vec![SUBCOMMAND.into(), how.into(), session.into(), (&launch.home).into()];
        spec.env = Environment::cleaned();
        spec.env.extend(launch.env.iter());
        spec.isolation = self.cfg.isolation;
        spec
    }
}

#[async_trait]
impl Runtime for ScriptedRuntime {
    fn name(&self) -> &ProgramName {
        &self.name
    }

    async fn start(&self, launch: Launch) -> Result<Box<dyn Session>, StartError> {
        let runtime = self.name.clone();
        if let Some(session) = &launch.resume
            && !launch.home.join(journal::path(session)).is_file()
        {
            let reason = "the home holds no file of it".to_owned();
            return Err(StartError::NoSession { session: session.clone(), reason });
        }
        let session = launch.resume.clone().unwrap_or_else(|| self.clock.new_id().to_string());
        let spawned = guarded::spawn(self.spec(&launch, &session)).await;
        let guarded = spawned.map_err(|error| match error {
            guarded::Error::Missing { .. } => {
                StartError::Missing { runtime: runtime.clone(), reason: error.to_string() }
            }
            _ => StartError::Refused { runtime: runtime.clone(), reason: chain(&error) },
        })?;
        let codec = ScriptedCodec::new(self.cfg.codec.clone());
        let mut session = PipeSession::new(self.cfg.session.clone(), guarded, codec);
        let deadline = Duration::from_millis(self.cfg.session.ready_within_ms);
        match timeout(deadline, session.ready()).await {
            Ok(true) => Ok(Box::new(session)),
            Ok(false) => Err(StartError::EndedAtOnce { runtime, reason: session.last_words() }),
            Err(_elapsed) => Err(StartError::TimedOut { runtime, deadline }),
        }
    }

    fn session_files(&self, launch: &Launch, session: &str) -> io::Result<Vec<PathBuf>> {
        let file = journal::path(session);
        Ok(if launch.home.join(&file).is_file() { vec![file] } else { Vec::new() })
    }

    async fn probe(&self) -> Result<String, StartError> {
        Ok(format!("built in, {}", env!("CARGO_PKG_VERSION")))
    }
}
