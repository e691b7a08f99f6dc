//! The runtime of described programs that speak the stream-json protocol.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use callboard_agent::description::{Description, Verdict, VersionCheck};
use callboard_agent::runtime::{Launch, Runtime, Session, StartError};
use callboard_domain::id::ProgramName;
use callboard_process::guarded::{self, Isolation};
use callboard_process::{Launcher, Marks, command};
use callboard_stdx::clock::SharedClock;
use callboard_stdx::error::chain;
use callboard_stdx::task::spawn_blocking;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::prepare::{self, Permissions};
use super::stream_json::{self, Codec, in_flight};
use crate::session::{self, PipeSession};

/// How much of a session file is read for the step that was in flight.
const RECORD_LEN_MAX: u64 = 4 << 20;

/// The limits and choices of the runtime.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The limits of the protocol.
    pub codec: stream_json::Config,
    /// The limits of a session.
    pub session: session::Config,
    /// How long it may take to tell its version.
    pub probe_within_ms: u64,
    /// Whether programs may do everything without a question. Never by default.
    pub bypass_permissions: bool,
    /// What holds the process tree together; tests choose, the host decides elsewhere.
    #[serde(skip)]
    pub isolation: Isolation,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            codec: stream_json::Config::default(),
            session: session::Config::default(),
            probe_within_ms: 20_000,
            bypass_permissions: false,
            isolation: Isolation::Auto,
        }
    }
}

/// Drives programs over their standard input and output.
pub struct StdioRuntime {
    cfg: Config,
    description: Description,
    launcher: Launcher,
    /// The id of the node's data folder, which marks its processes.
    owner: String,
    clock: SharedClock,
}

impl StdioRuntime {
    /// A runtime for one described program.
    #[must_use]
    pub fn new(
        cfg: Config,
        description: Description,
        launcher: Launcher,
        owner: String,
        clock: SharedClock,
    ) -> Self {
        Self { cfg, description, launcher, owner, clock }
    }

    fn permissions(&self) -> Permissions {
        if self.cfg.bypass_permissions { Permissions::Bypassed } else { Permissions::Asked }
    }

    fn missing(&self, reason: String) -> StartError {
        let install = self.description.version.as_ref().map(|check| check.install.as_str());
        let install = install.map_or_else(String::new, |it| format!("; to install it: {it}"));
        let reason = format!("{reason}{install}");
        StartError::Missing { runtime: self.description.name.clone(), reason }
    }

    fn refused(&self, reason: &dyn std::error::Error) -> StartError {
        StartError::Refused { runtime: self.description.name.clone(), reason: chain(reason) }
    }

    /// Writes what the program must find, and reads what a resume must know.
    async fn prepare(&self, launch: &Launch) -> Result<Option<String>, StartError> {
        if let Some(names) = prepare::missing_credentials(&self.description, launch) {
            let names = names.join(", ");
            let runtime = self.description.name.clone();
            let reason = format!("it has no credential: give one of {names} in the secrets file");
            return Err(StartError::Missing { runtime, reason });
        }
        let (description, launch) = (self.description.clone(), launch.clone());
        let session = launch.resume.clone();
        let prepared = spawn_blocking("prepare a program", move || {
            prepare::write_preseed(&description, &launch)?;
            let Some(session) = &launch.resume else { return Ok(Some(None)) };
            let files = prepare::session_files(&description, &launch, session)?;
            let Some(file) = files.first() else { return Ok(None) };
            let record = prepare::read_tail(&launch.home.join(file), RECORD_LEN_MAX)?;
            Ok(Some(in_flight(&record)))
        });
        let prepared: std::io::Result<_> = prepared.await;
        prepared.map_err(|error| self.refused(&error))?.ok_or_else(|| StartError::NoSession {
            session: session.unwrap_or_default(),
            reason: "the home holds no file of it".to_owned(),
        })
    }

    fn spec(&self, launch: &Launch, session: &str) -> guarded::Spec {
        let marks = Marks {
            agent: launch.agent.to_string(),
            epoch: launch.epoch,
            owner: self.owner.clone(),
        };
        let program = &self.description.command[0];
        let launcher = self.launcher.clone();
        let mut spec = guarded::Spec::new(launcher, program, &launch.folder, marks);
        spec.args = prepare::args(&self.description, launch, session, self.permissions());
        spec.env = prepare::environment(&self.description, launch, session, self.permissions());
        spec.isolation = self.cfg.isolation;
        spec
    }

    /// A program that was not ready in time is killed by dropping its session.
    async fn until_ready(
        &self,
        mut session: PipeSession<Codec>,
        resume: Option<&str>,
    ) -> Result<Box<dyn Session>, StartError> {
        let runtime = self.description.name.clone();
        let deadline = Duration::from_millis(self.cfg.session.ready_within_ms);
        let Ok(ready) = timeout(deadline, session.ready()).await else {
            return Err(StartError::TimedOut { runtime, deadline });
        };
        let reason = session.last_words();
        match resume {
            _ if ready => Ok(Box::new(session)),
            Some(id) if reason.contains(id) => {
                Err(StartError::NoSession { session: id.to_owned(), reason })
            }
            _ => Err(StartError::EndedAtOnce { runtime, reason }),
        }
    }

    fn judged(&self, check: &VersionCheck, answer: &str) -> Result<String, StartError> {
        let version = answer.lines().next().unwrap_or_default().trim().to_owned();
        match check.judge(&version) {
            Verdict::Tested => Ok(version),
            Verdict::Newer => Ok(format!("{version}, newer than the tested {}", check.tested_max)),
            Verdict::TooOld => {
                let wanted = &check.tested_min;
                Err(self.missing(format!("its version is {version:?}, but {wanted} is needed")))
            }
        }
    }
}

#[async_trait]
impl Runtime for StdioRuntime {
    fn name(&self) -> &ProgramName {
        &self.description.name
    }

    async fn start(&self, launch: Launch) -> Result<Box<dyn Session>, StartError> {
        let in_flight = self.prepare(&launch).await?;
        let folder = launch.folder.to_string_lossy().into_owned();
        let codec_cfg = self.cfg.codec.clone();
        let (id, codec) = match &launch.resume {
            Some(id) => (id.clone(), Codec::resumed(codec_cfg, id.clone(), folder, in_flight)),
            None => {
                let id = self.clock.new_id().to_string();
                (id.clone(), Codec::new(codec_cfg, id, folder))
            }
        };
        let spawned = guarded::spawn(self.spec(&launch, &id)).await;
        let guarded = spawned.map_err(|error| match &error {
            guarded::Error::Missing { .. } => self.missing(error.to_string()),
            _ => self.refused(&error),
        })?;
        let session = PipeSession::new(self.cfg.session.clone(), guarded, codec);
        self.until_ready(session, launch.resume.as_deref()).await
    }

    fn session_files(&self, launch: &Launch, session: &str) -> std::io::Result<Vec<PathBuf>> {
        prepare::session_files(&self.description, launch, session)
    }

    async fn probe(&self) -> Result<String, StartError> {
        let Some(check) = &self.description.version else {
            return Ok("unknown version".to_owned());
        };
        let (program, args) = (&self.description.command[0], &self.description.command[1..]);
        let spec = command::Spec::new(program, std::env::temp_dir())
            .args(args.iter().chain(&check.args).map(OsString::from))
            .deadline(Duration::from_millis(self.cfg.probe_within_ms));
        match command::run(spec).await {
            Ok(output) => self.judged(check, &output.stdout.text()),
            Err(error @ command::Error::Missing { .. }) => Err(self.missing(error.to_string())),
            Err(error) => Err(self.refused(&error)),
        }
    }
}
