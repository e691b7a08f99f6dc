//! Plain commands against real programs.

use std::path::Path;
use std::time::Duration;

use crate::support::{BINARY, Stage, until};
use callboard_process::command::{Error, Spec, run};
use callboard_process::{Ending, Launcher, Limits};

fn sh(script: &str) -> Spec {
    Spec::new("/bin/sh", "/").args(["-c", script])
}

fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.trim()).join("stat"));
    stat.is_ok_and(|it| !it.contains(") Z "))
}

#[tokio::test]
async fn output_input_folder_and_environment_arrive() {
    let spec = sh("pwd; cat; echo \"$A\" >&2; exit 3").env("A", "b").input("in\n");
    let output = run(Spec { folder: "/tmp".into(), ..spec }).await.expect("it runs");
    assert_eq!(output.ending, Ending::Code(3));
    assert_eq!(output.stdout.text(), "/tmp\nin\n");
    assert_eq!(output.stderr.text(), "b\n");
}

#[tokio::test]
async fn environment_of_the_caller_does_not_leak() {
    let output = run(sh("env")).await.expect("it runs");
    assert!(!output.stdout.text().contains("CARGO_MANIFEST_DIR"), "{}", output.stdout.text());
}

#[tokio::test]
async fn missing_program_and_missing_folder_are_told_apart() {
    let missing = run(Spec::new("/nowhere/program", "/")).await;
    assert!(matches!(missing, Err(Error::Missing { .. })), "{missing:?}");
    let no_folder = run(Spec::new("/bin/sh", "/nowhere")).await;
    assert!(matches!(no_folder, Err(Error::NoFolder { .. })), "{no_folder:?}");
    let not_executable = run(Spec::new("/etc/passwd", "/")).await;
    assert!(matches!(not_executable, Err(Error::Start { .. })), "{not_executable:?}");
}

#[tokio::test]
async fn hanging_command_is_killed_with_its_group_and_keeps_its_output() {
    let spec = sh("sleep 1000 & echo $!; wait").deadline(Duration::from_millis(300));
    let Err(Error::TimedOut { output, .. }) = run(spec).await else { panic!("a time-out") };
    until(|| !lives(&output.stdout.text()), || "the sleep is killed".to_owned()).await;
}

#[tokio::test]
async fn background_process_neither_delays_the_end_nor_survives_it() {
    let output = run(sh("sleep 1000 & echo $!")).await.expect("it runs");
    assert!(output.duration < Duration::from_secs(5));
    until(|| !lives(&output.stdout.text()), || "the sleep is killed".to_owned()).await;
}

#[tokio::test]
async fn dropped_command_is_killed_with_its_group() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spec = Spec { folder: folder.path().into(), ..sh("sleep 1000 & echo $! > pid; wait") };
    let pid = || std::fs::read_to_string(folder.path().join("pid")).unwrap_or_default();
    tokio::select! {
        result = run(spec) => panic!("it ended: {result:?}"),
        () = until(|| pid().ends_with('\n'), || "it runs".to_owned()) => {}
    }
    until(|| !lives(&pid()), || "the sleep is killed".to_owned()).await;
}

#[tokio::test]
async fn flood_is_bounded_and_stopped() {
    let flood_bytes = 8 * 1024 * 1024;
    let spec = sh("yes").output(Limits { head_bytes: 4, tail_bytes: 4, flood_bytes });
    let Err(Error::Flooded { output, .. }) = run(spec).await else { panic!("a flood") };
    let text = output.stdout.text();
    assert!(text.starts_with("y\ny\n\n[…"), "{text}");
}

#[tokio::test]
async fn long_output_keeps_head_and_tail() {
    let limits = Limits { head_bytes: 4, tail_bytes: 6, ..Limits::default() };
    let output = run(sh("seq 100000").output(limits)).await.expect("it runs");
    assert_eq!(output.stdout.text(), "1\n2\n\n[… 588885 bytes cut …]\n00000\n");
    assert!(output.stdout.whole().is_none());
}

#[tokio::test]
async fn unread_input_is_no_error() {
    let output = run(sh("exit 0").input(vec![0; 1024 * 1024])).await.expect("it runs");
    assert_eq!(output.ending, Ending::Code(0));
}

fn guarded(stage: &Stage, script: &str) -> Spec {
    sh(script).guard(Launcher::at(BINARY), stage.marks())
}

#[tokio::test]
async fn guarded_command_leaves_no_descendant() {
    let stage = Stage::new();
    let spec = guarded(&stage, &format!("{} & cat; exit 6", stage.daemoniser())).input("in\n");
    let output = run(spec).await.expect("it runs");
    assert_eq!((output.ending, output.stdout.text().as_str()), (Ending::Code(6), "in\n"));
    assert_eq!(stage.processes(), Vec::<String>::new());

    let hanging = guarded(&stage, &stage.daemoniser()).deadline(Duration::from_millis(300));
    assert!(matches!(run(hanging).await, Err(Error::TimedOut { .. })));
    assert_eq!(stage.processes(), Vec::<String>::new());
}

#[tokio::test]
async fn guarded_command_has_the_same_errors() {
    let stage = Stage::new();
    let missing = Spec { program: "/nowhere/program".into(), ..guarded(&stage, "") };
    assert!(matches!(run(missing).await, Err(Error::Missing { .. })));
    let no_folder = Spec { folder: "/nowhere".into(), ..guarded(&stage, "") };
    assert!(matches!(run(no_folder).await, Err(Error::NoFolder { .. })));
    let no_guard = sh("").guard(Launcher::at("/bin/false"), stage.marks());
    assert!(matches!(run(no_guard).await, Err(Error::Guard { .. })));
}
