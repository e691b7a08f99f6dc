//! Runs the demo.

use std::process::ExitCode;

use super::Options;

/// Runs the demo; the exit code is 0 where the application was built, tested and merged.
///
/// # Errors
/// It could not be set up, or its node failed.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let Options { runtime, .. } = options;
    let name = runtime.as_deref().unwrap_or("scripted");
    anyhow::bail!("failed to run the demo by {name}: this build has none")
}
