//! Whether the demo can run here, looked at before anything is made.

use std::path::Path;
use std::time::Duration;

use callboard_node::config;
use callboard_process::Environment;
use callboard_process::command::{self, Spec};

use super::options::{Options, Refused};

/// How long a program may take to say its version.
const VERSION_MAX: Duration = Duration::from_secs(20);

pub(super) async fn check(options: &Options) -> Result<(), Refused> {
    if options.nodes > 1 {
        return Err(Refused(
            "several nodes come with the next issue: leave out --nodes".to_owned(),
        ));
    }
    for (program, advice) in [
        ("git", "install git"),
        (
            "cargo",
            "the application of the demo is written in Rust, and its tests run on the result: \
             install Rust (https://rustup.rs) or add cargo to PATH",
        ),
    ] {
        version(program).await.map_err(|why| Refused(format!("{why}; {advice}")))?;
    }
    if !options.is_scripted() {
        runtime(options.runtime()).await?;
    }
    match &options.dir {
        Some(dir) if !is_free(dir) => {
            let dir = dir.display();
            Err(Refused(format!("{dir} is not an empty folder: name one that is, or a new one")))
        }
        _ => Ok(()),
    }
}

/// Asks a program for its version.
async fn version(program: &str) -> Result<(), String> {
    let spec = Spec::new(program, std::env::temp_dir()).arg("--version").deadline(VERSION_MAX);
    let output = command::run(spec).await.map_err(|error| error.to_string())?;
    if output.ending.success() {
        return Ok(());
    }
    let said = output.stderr.text();
    let said = said.lines().next().unwrap_or_default();
    Err(format!("`{program} --version` ended with {}: {said}", output.ending))
}

async fn runtime(name: &str) -> Result<(), Refused> {
    let refused = |why: String| {
        Refused(format!(
            "the runtime {name} cannot be used: {why}; `callboard init` sets programs up, and \
             `callboard demo` alone plays scripts"
        ))
    };
    let found = callboard_node::find(&config::Programs::default()).await;
    let found = found.map_err(|error| refused(error.to_string()))?;
    let probed = found.probed.into_iter().find(|(program, _)| program.as_str() == name);
    match probed {
        Some((_, Ok(_))) => Ok(()),
        Some((_, Err(why))) => Err(refused(why)),
        None => Err(refused("it is not known".to_owned())),
    }
}

fn is_free(dir: &Path) -> bool {
    match std::fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

/// What the application's cargo sees: what the agents see.
pub(super) fn environment() -> Environment {
    Environment::cleaned()
}
