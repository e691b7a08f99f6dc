//! The check command of a project: a line of shell that a person wrote.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use callboard_agent::workspace::Error;
use callboard_process::{Ending, Environment, Limits, command};

/// A check to run.
#[derive(Debug, Clone)]
pub struct CheckRun {
    /// The line for `sh -c`.
    pub command: String,
    /// The clean work tree to run it in.
    pub folder: PathBuf,
    /// Its environment.
    pub environment: Environment,
    /// When it and all that it started is killed.
    pub deadline: Duration,
    /// How many bytes of its output are kept.
    pub output_bytes_max: usize,
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckEnded {
    /// The exit code; `None` where a signal ended it.
    pub exit_code: Option<i32>,
    /// Whether it was killed at its deadline.
    pub timed_out: bool,
    /// Output and error output, together at most `output_bytes_max` and a little.
    pub output_tail: String,
    /// How long it took.
    pub duration: Duration,
}

/// Runs checks. When [`Checks::run`] returns, no process of the check runs.
#[async_trait]
pub trait Checks: Send + Sync {
    /// Runs one to its end or its deadline. A check that ends badly is no error.
    ///
    /// # Errors
    /// It could not be started.
    async fn run(&self, check: CheckRun) -> Result<CheckEnded, Error>;
}

/// Runs checks as commands in a process group of their own. What leaves the group survives, unless
/// there is a guard.
#[derive(Debug, Clone, Default)]
pub struct PlainChecks {
    /// Under whose guard they run.
    pub guard: Option<command::Guard>,
}

#[async_trait]
impl Checks for PlainChecks {
    async fn run(&self, check: CheckRun) -> Result<CheckEnded, Error> {
        let CheckRun { command, folder, environment, deadline, output_bytes_max } = check;
        let started = tokio::time::Instant::now();
        // Both streams into one, so that the tail shows what happened in its order.
        let script = format!("exec 2>&1\n{command}");
        let mut spec =
            command::Spec::new("sh", folder).arg("-c").arg(script).deadline(deadline).output(
                Limits { head_bytes: 0, tail_bytes: output_bytes_max, ..Limits::default() },
            );
        spec.env = environment;
        spec.guard.clone_from(&self.guard);
        let ended = |exit_code, timed_out, output: &callboard_process::Captured| CheckEnded {
            exit_code,
            timed_out,
            output_tail: output.text().trim_start().to_owned(),
            duration: started.elapsed(),
        };
        match command::run(spec).await {
            Ok(output) => {
                let exit_code = match output.ending {
                    Ending::Code(code) => Some(code),
                    Ending::Signal(_) | Ending::Unknown => None,
                };
                Ok(ended(exit_code, false, &output.stdout))
            }
            Err(command::Error::TimedOut { output, .. }) => Ok(ended(None, true, &output.stdout)),
            Err(command::Error::Flooded { output, .. }) => Ok(ended(None, false, &output.stdout)),
            Err(error) => {
                Err(Error::Git { operation: "start the check", detail: error.to_string() })
            }
        }
    }
}
