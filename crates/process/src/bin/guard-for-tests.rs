//! A binary with the guard, and a node that holds one program, for the tests of this crate.

use std::process::ExitCode;
use std::time::Duration;

use callboard_process::guarded::{self, Isolation, Spec};
use callboard_process::{Launcher, Marks, guard};

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let command = args.next().and_then(|it| it.into_string().ok()).unwrap_or_default();
    if command == guard::SUBCOMMAND {
        return guard::main(args);
    }
    let args: Vec<_> = args.filter_map(|it| it.into_string().ok()).collect();
    match (command.as_str(), args.as_slice()) {
        ("node", [isolation, owner, script]) => node(isolation, owner, script),
        _ => ExitCode::from(2),
    }
}

/// Holds a shell until it is killed, and creates the file `held` in the working directory.
fn node(isolation: &str, owner: &str, script: &str) -> ExitCode {
    let marks = Marks { agent: "tests".to_owned(), epoch: 1, owner: owner.to_owned() };
    let isolation = match isolation {
        "namespace" => Isolation::PidNamespace,
        _ => Isolation::Subreaper,
    };
    let mut spec = Spec::new(Launcher::this_program(), "/bin/sh", ".", marks);
    spec.args = vec!["-c".into(), script.into()];
    spec.isolation = isolation;
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    runtime.block_on(async {
        let Ok(guarded) = guarded::spawn(spec).await else { return ExitCode::FAILURE };
        if std::fs::write("held", guarded.guard_pid().to_string()).is_err() {
            return ExitCode::FAILURE;
        }
        // Longer than any test waits: a test that fails leaves nothing for ever.
        tokio::time::sleep(Duration::from_secs(60)).await;
        ExitCode::SUCCESS
    })
}
