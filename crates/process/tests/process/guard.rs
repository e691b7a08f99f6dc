//! Promise P7 with real processes, with and without a PID namespace: nothing outlives its owner.
//!
//! They need the right to make PID namespaces (root, or CAP_SYS_ADMIN) and fail without it.

use std::time::Duration;

use crate::support::{KINDS, Stage, until};
use callboard_process::guarded::{Error, Event, FenceTimes, Guarded, Isolation, spawn};
use callboard_process::{Ending, sweep};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

const SOON: Duration = Duration::from_secs(5);

fn pid(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).expect("a process id"))
}

async fn start(stage: &Stage, isolation: Isolation, script: &str) -> Guarded {
    let guarded = spawn(stage.sh(isolation, script)).await.expect("it starts");
    assert_eq!(guarded.isolation(), isolation);
    guarded
}

async fn next(guarded: &mut Guarded) -> Event {
    timeout(SOON, guarded.next()).await.expect("an event soon").expect("not gone yet")
}

#[tokio::test]
async fn streams_folder_environment_and_exit_code_pass_through() {
    for isolation in KINDS {
        let stage = Stage::new();
        let script = "pwd; echo $CALLBOARD_AGENT $CALLBOARD_EPOCH; cat; echo end >&2; exit 5";
        let mut guarded = start(&stage, isolation, script).await;
        let mut stdin = guarded.stdin.take().expect("piped");
        stdin.write_all(b"in\n").await.expect("it reads");
        drop(stdin);
        let (mut stdout, mut stderr) = (String::new(), String::new());
        guarded.stdout.take().expect("piped").read_to_string(&mut stdout).await.expect("text");
        guarded.stderr.take().expect("piped").read_to_string(&mut stderr).await.expect("text");
        assert_eq!(stdout, format!("{}\ntests 7\nin\n", stage.folder.path().display()));
        assert_eq!(stderr, "end\n");
        assert_eq!(next(&mut guarded).await, Event::Exited(Ending::Code(5)));
        assert_eq!(next(&mut guarded).await, Event::Gone);
        assert_eq!(guarded.next().await, None);
        stage.until_gone().await;
    }
}

#[tokio::test]
async fn node_killed_leaves_nothing() {
    for isolation in KINDS {
        let stage = Stage::new();
        let mut node = stage.node(isolation, &stage.daemoniser()).await;
        stage.until_sleeping(5).await;
        node.kill().expect("it runs");
        node.wait().expect("it was killed");
        stage.until_gone().await;
    }
}

#[tokio::test]
async fn outer_guard_killed_leaves_nothing_and_is_told() {
    for isolation in KINDS {
        let stage = Stage::new();
        let mut guarded = start(&stage, isolation, &stage.daemoniser()).await;
        stage.until_sleeping(5).await;
        kill(pid(guarded.guard_pid()), Signal::SIGKILL).expect("it runs");
        stage.until_gone().await;
        assert_eq!(timeout(SOON, guarded.wait()).await, Ok(Ending::Unknown));
    }
}

#[tokio::test]
async fn inner_guard_killed_leaves_nothing_and_is_told() {
    for isolation in KINDS {
        let stage = Stage::new();
        let mut guarded = start(&stage, isolation, &stage.daemoniser()).await;
        stage.until_sleeping(5).await;
        let inner = stage.processes_where(|it| it.contains(" inner "));
        let inner = inner[0].split(' ').next().and_then(|it| it.parse().ok()).expect("a pid");
        kill(Pid::from_raw(inner), Signal::SIGKILL).expect("it runs");
        stage.until_gone().await;
        assert_eq!(timeout(SOON, guarded.wait()).await, Ok(Ending::Unknown));
    }
}

#[tokio::test]
async fn program_that_ends_takes_its_background_along() {
    for isolation in KINDS {
        let stage = Stage::new();
        let script = format!("{} & exec sleep 0.2", stage.daemoniser());
        let mut guarded = start(&stage, isolation, &script).await;
        assert_eq!(timeout(SOON, guarded.wait()).await, Ok(Ending::Code(0)));
        assert_eq!(stage.processes(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn dropped_program_and_dropped_start_leave_nothing() {
    for isolation in KINDS {
        let stage = Stage::new();
        let guarded = start(&stage, isolation, &stage.daemoniser()).await;
        stage.until_sleeping(5).await;
        drop(guarded);
        stage.until_gone().await;

        for micros in [0, 200, 500, 1_000, 2_000, 4_000] {
            let start = spawn(stage.sh(isolation, &stage.daemoniser()));
            let _ = timeout(Duration::from_micros(micros), start).await;
        }
        stage.until_gone().await;
    }
}

#[tokio::test]
async fn stop_gives_grace_and_then_kills() {
    for isolation in KINDS {
        let stage = Stage::new();
        let mut polite = start(
            &stage,
            isolation,
            "trap 'sleep 0.1; exit 4' TERM; touch set; while :; do sleep 0.01; done",
        )
        .await;
        until(|| stage.path("set").exists(), || "the trap is set".to_owned()).await;
        assert_eq!(polite.stop(SOON).await, Ending::Code(4));

        let deaf = format!("trap '' TERM; touch deaf; {}", stage.daemoniser());
        let mut deaf = start(&stage, isolation, &deaf).await;
        until(|| stage.path("deaf").exists(), || "the trap is set".to_owned()).await;
        stage.until_sleeping(5).await;
        let (grace, began) = (Duration::from_millis(300), Instant::now());
        assert_eq!(deaf.stop(grace).await, Ending::Signal(9));
        assert!(began.elapsed() >= grace && began.elapsed() < SOON, "{:?}", began.elapsed());
        assert_eq!(stage.processes(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn missing_program_and_folder_are_told_apart() {
    for isolation in KINDS {
        let stage = Stage::new();
        let mut spec = stage.sh(isolation, "");
        spec.program = "/nowhere/program".into();
        assert!(matches!(spawn(spec).await, Err(Error::Missing { .. })));
        let mut spec = stage.sh(isolation, "");
        spec.program = "/etc/passwd".into();
        assert!(matches!(spawn(spec).await, Err(Error::Start { .. })));
        let mut spec = stage.sh(isolation, "");
        spec.folder = "/nowhere".into();
        assert!(matches!(spawn(spec).await, Err(Error::NoFolder { .. })));
        let mut spec = stage.sh(isolation, "");
        spec.launcher = callboard_process::Launcher::at("/bin/false");
        assert!(matches!(spawn(spec).await, Err(Error::Guard { .. })));
        stage.until_gone().await;
    }
}

#[tokio::test]
async fn program_that_exits_at_once_is_told() {
    for isolation in KINDS {
        let stage = Stage::new();
        let mut guarded = start(&stage, isolation, "exit 3").await;
        assert_eq!(timeout(SOON, guarded.wait()).await, Ok(Ending::Code(3)));
        let mut guarded = start(&stage, isolation, "kill -KILL $$").await;
        assert_eq!(timeout(SOON, guarded.wait()).await, Ok(Ending::Signal(9)));
    }
}

#[tokio::test]
async fn flood_waits_for_its_reader_and_costs_no_memory() {
    let stage = Stage::new();
    let mut guarded =
        start(&stage, Isolation::PidNamespace, "head -c 100000000 /dev/zero; echo done >&2").await;
    let mut stdout = guarded.stdout.take().expect("piped");
    let before = resident_kib();
    let mut buffer = vec![0; 64 * 1024];
    let mut total = 0;
    loop {
        match stdout.read(&mut buffer).await.expect("readable") {
            0 => break,
            n => total += n,
        }
    }
    assert_eq!(total, 100_000_000);
    assert!(resident_kib() < before + 16 * 1024, "{before} KiB, then {} KiB", resident_kib());
    assert_eq!(guarded.wait().await, Ending::Code(0));
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a /proc");
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Whether a counting program's file stands still, seen over 100 ms.
async fn stands_still(stage: &Stage) -> bool {
    let count = || std::fs::read_to_string(stage.path("count")).unwrap_or_default();
    let before = count();
    let moved = timeout(Duration::from_millis(100), until(|| count() != before, String::new)).await;
    moved.is_err()
}

const COUNT: &str = "setsid sh -c 'while :; do echo x >> count; sleep 0.001; done' & wait";

#[tokio::test]
async fn frozen_tree_stands_still_until_it_is_thawed() {
    for isolation in KINDS {
        let stage = Stage::new();
        let mut guarded = start(&stage, isolation, COUNT).await;
        assert!(!stands_still(&stage).await);
        guarded.freeze().await;
        assert_eq!(next(&mut guarded).await, Event::Frozen { by_deadline: false });
        assert!(stands_still(&stage).await);
        guarded.thaw().await;
        assert_eq!(next(&mut guarded).await, Event::Thawed);
        assert!(!stands_still(&stage).await);
        guarded.freeze().await;
        assert_eq!(guarded.stop(SOON).await, Ending::Signal(15));
    }
}

#[tokio::test]
async fn fence_freezes_thaws_and_kills_by_itself() {
    for isolation in KINDS {
        let stage = Stage::new();
        let mut spec = stage.sh(isolation, COUNT);
        let deadline = Duration::from_millis(200);
        spec.fence = Some(FenceTimes { deadline, kill_after: Duration::from_millis(700) });
        let mut guarded = spawn(spec).await.expect("it starts");
        assert_eq!(next(&mut guarded).await, Event::Frozen { by_deadline: true });
        guarded.thaw().await;
        guarded.confirm(6, None).await;
        assert!(stands_still(&stage).await, "neither a thaw nor an older epoch opens the fence");
        guarded.confirm(7, Some(deadline)).await;
        assert_eq!(next(&mut guarded).await, Event::Thawed);
        assert_eq!(next(&mut guarded).await, Event::Frozen { by_deadline: true });
        assert_eq!(next(&mut guarded).await, Event::Exited(Ending::Signal(9)));
        assert_eq!(next(&mut guarded).await, Event::Gone);
        stage.until_gone().await;
    }
}

#[tokio::test]
async fn newer_epoch_kills_at_once() {
    for isolation in KINDS {
        let stage = Stage::new();
        let mut guarded = start(&stage, isolation, &stage.daemoniser()).await;
        guarded.confirm(8, None).await;
        assert_eq!(timeout(SOON, guarded.wait()).await, Ok(Ending::Signal(9)));
        stage.until_gone().await;
    }
}

#[tokio::test]
async fn stopped_node_does_not_keep_the_tree_running() {
    for isolation in KINDS {
        let stage = Stage::new();
        let mut node = stage.node(isolation, COUNT).await;
        kill(pid(node.id()), Signal::SIGSTOP).expect("it runs");
        assert!(!stands_still(&stage).await, "a node without a fence is trusted");
        kill(pid(node.id()), Signal::SIGKILL).expect("it is there");
        node.wait().expect("it was killed");
        stage.until_gone().await;
    }
}

#[tokio::test]
async fn signals_to_guards_do_not_end_them() {
    for isolation in KINDS {
        let stage = Stage::new();
        let mut guarded = start(&stage, isolation, &stage.daemoniser()).await;
        stage.until_sleeping(5).await;
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            for guard in stage.processes_where(|it| it.contains(" guard ")) {
                let id = guard.split(' ').next().and_then(|it| it.parse().ok()).expect("a pid");
                kill(Pid::from_raw(id), signal).expect("it runs");
            }
        }
        guarded.freeze().await;
        assert_eq!(next(&mut guarded).await, Event::Frozen { by_deadline: false });
        assert_eq!(stage.sleeps().len(), 5);
        assert_eq!(guarded.kill().await, Ending::Signal(9));
        assert_eq!(stage.processes(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn sweep_kills_what_is_marked_and_nothing_else() {
    let (ours, other) = (Stage::new(), Stage::new());
    // Both guards are killed in one moment: the one case in which something is left.
    let mut orphaned = start(&ours, Isolation::Subreaper, &ours.daemoniser()).await;
    let mut bystander = start(&other, Isolation::Subreaper, &other.daemoniser()).await;
    ours.until_sleeping(5).await;
    other.until_sleeping(5).await;
    let swept = sweep(&ours.owner, Duration::from_secs(2)).await;
    assert_eq!(swept.left, 0);
    assert!(swept.killed.iter().all(|it| it.marks.owner == ours.owner), "{swept:?}");
    assert!(swept.killed.iter().filter(|it| it.name == "sleep").count() >= 4, "{swept:?}");
    ours.until_gone().await;
    assert_eq!(timeout(SOON, orphaned.wait()).await, Ok(Ending::Unknown));
    assert_eq!(other.sleeps().len(), 5);
    assert_eq!(sweep(&ours.owner, SOON).await, callboard_process::Sweep::default());
    assert_eq!(bystander.kill().await, Ending::Signal(9));
}

#[tokio::test]
async fn program_in_a_namespace_sees_only_its_own_tree() {
    let stage = Stage::new();
    let mut guarded =
        start(&stage, Isolation::PidNamespace, "ls /proc | grep -c '^[0-9]*$'; echo $$").await;
    let mut stdout = String::new();
    guarded.stdout.take().expect("piped").read_to_string(&mut stdout).await.expect("text");
    let numbers: Vec<u32> = stdout.split_whitespace().filter_map(|it| it.parse().ok()).collect();
    assert!(numbers.len() == 2 && numbers[0] <= 4 && numbers[1] == 2, "{stdout}");
}
