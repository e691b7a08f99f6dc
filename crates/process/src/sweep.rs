//! Finds processes that a dead node left behind, by their marks, and kills them and no others.
//!
//! Guards see to it that nothing is left; this is for the moment in which the guards themselves
//! were killed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use callboard_stdx::task::spawn_blocking;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

use crate::Marks;
use crate::proc_table::{self, Process};

/// How often the processes are looked at until none is left.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Whom it killed.
    pub killed: Vec<Swept>,
    /// How many still lived when the time was over: 0 unless the kernel holds one.
    pub left: usize,
}

/// A process that was killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept {
    /// Its id.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// Its marks, or those of the ancestor by which it was found.
    pub marks: Marks,
}

/// Kills every process that carries the mark of `owner`, with its descendants, except this process
/// and its ancestors. To be called before the node starts any process.
pub async fn sweep(owner: &str, within: Duration) -> Sweep {
    let owner = owner.to_owned();
    let is_ours = move |environ: &[u8]| Marks::read(environ).is_some_and(|it| it.owner == owner);
    sweep_where(within, is_ours).await
}

/// The same for one tree.
pub(crate) async fn sweep_tree(tree: String, within: Duration) -> Sweep {
    sweep_where(within, move |environ| Marks::is_tree(environ, &tree)).await
}

async fn sweep_where(
    within: Duration,
    is_ours: impl Fn(&[u8]) -> bool + Clone + Send + 'static,
) -> Sweep {
    let end = Instant::now() + within;
    let mut killed = BTreeMap::new();
    loop {
        let is_ours = is_ours.clone();
        let seen = spawn_blocking("sweep processes", move || kill_once(&is_ours)).await;
        let left = seen.len();
        killed.extend(seen);
        if left == 0 || Instant::now() >= end {
            return Sweep { killed: killed.into_values().collect(), left };
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Kills whom it finds, and returns them by id and start time.
fn kill_once(is_ours: &dyn Fn(&[u8]) -> bool) -> BTreeMap<(Pid, u64), Swept> {
    let Ok(processes) = proc_table::all() else { return BTreeMap::new() };
    let own = ancestors(&processes, Pid::this());
    let mut found = BTreeMap::new();
    for process in processes.iter().filter(|it| it.lives() && !own.contains(&it.pid)) {
        let environ = proc_table::environ(process.pid);
        let Some(marks) = Marks::read(&environ).filter(|_| is_ours(&environ)) else { continue };
        for ours in proc_table::descendants(&processes, process.pid).iter().chain([process]) {
            if own.contains(&ours.pid) {
                continue;
            }
            let pid = u32::try_from(ours.pid.as_raw()).unwrap_or_default();
            let swept = Swept { pid, name: proc_table::name(ours.pid), marks: marks.clone() };
            found.insert((ours.pid, ours.start_ticks), swept);
        }
    }
    // The same process still, not a stranger that was given its id since.
    found.retain(|(pid, start_ticks), _| {
        proc_table::process(*pid).is_some_and(|it| it.lives() && it.start_ticks == *start_ticks)
    });
    for (pid, _) in found.keys() {
        // It ended in the meantime.
        let _ = kill(*pid, Signal::SIGKILL);
    }
    found
}

/// `pid` and all above it: a node that was started by an agent does not kill itself.
fn ancestors(processes: &[Process], pid: Pid) -> BTreeSet<Pid> {
    let parents: BTreeMap<Pid, Pid> = processes.iter().map(|it| (it.pid, it.parent)).collect();
    let mut found = BTreeSet::new();
    let mut next = Some(pid);
    while let Some(pid) = next.filter(|&pid| found.insert(pid)) {
        next = parents.get(&pid).copied();
    }
    found
}
