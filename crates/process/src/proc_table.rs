//! What `/proc` says of the processes of this host: parents, states, start times, environments.
//!
//! A picture is old as soon as it is taken; who acts on it looks again until nothing is left to do.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;

use nix::unistd::Pid;

/// One process at the moment of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: Pid,
    pub(crate) parent: Pid,
    /// In clock ticks since boot: with the id it names a process for ever.
    pub(crate) start_ticks: u64,
    state: u8,
}

impl Process {
    /// Whether it still does something: a zombie only waits for its parent to notice.
    pub(crate) fn lives(&self) -> bool {
        !matches!(self.state, b'Z' | b'X' | b'x')
    }

    /// Whether it was stopped by a signal.
    pub(crate) fn is_stopped(&self) -> bool {
        matches!(self.state, b'T' | b't')
    }
}

/// All processes that this one may see.
///
/// # Errors
/// `/proc` cannot be listed.
pub(crate) fn all() -> io::Result<Vec<Process>> {
    let mut processes = Vec::with_capacity(256);
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|it| it.parse().ok()) else { continue };
        processes.extend(process(Pid::from_raw(pid)));
    }
    Ok(processes)
}

/// One process, or `None` where it is gone.
pub(crate) fn process(pid: Pid) -> Option<Process> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(pid, &stat)
}

/// The live descendants of `root`, nearest first, in a time that grows with them and not with the
/// host. A child may be missed while one of its siblings ends: look again.
///
/// # Errors
/// `/proc` cannot be read.
pub(crate) fn descendants_of(root: Pid) -> io::Result<Vec<Process>> {
    // Not every kernel lists children.
    if !fs::exists("/proc/thread-self/children")? {
        return Ok(descendants(&all()?, root));
    }
    let mut found = Vec::new();
    let mut seen = BTreeSet::from([root]);
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for child in children(parent).into_iter().filter(|&child| seen.insert(child)) {
            parents.push(child);
            found.extend(process(child).filter(Process::lives));
        }
    }
    Ok(found)
}

/// The children of all threads of a process; none where it is gone.
fn children(pid: Pid) -> Vec<Pid> {
    let mut children = Vec::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let listed = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        let pids = listed.split_ascii_whitespace().filter_map(|pid| pid.parse().ok());
        children.extend(pids.map(Pid::from_raw));
    }
    children
}

/// The live descendants of `root` in `processes`, nearest first.
pub(crate) fn descendants(processes: &[Process], root: Pid) -> Vec<Process> {
    let mut children: BTreeMap<Pid, Vec<&Process>> = BTreeMap::new();
    for process in processes {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found: Vec<Process> = Vec::new();
    let mut seen = BTreeSet::from([root]);
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for child in children.get(&parent).into_iter().flatten() {
            // A picture taken while ids are reused may hold a loop.
            if seen.insert(child.pid) {
                found.push(**child);
                parents.push(child.pid);
            }
        }
    }
    found.retain(Process::lives);
    found
}

/// The value of a variable in the environment with which a process was started.
pub(crate) fn variable<'a>(environ: &'a [u8], name: &str) -> Option<&'a [u8]> {
    environ
        .split(|&byte| byte == 0)
        .find_map(|it| it.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

/// The environment with which a process was started; empty where it is gone or not ours to read.
pub(crate) fn environ(pid: Pid) -> Vec<u8> {
    fs::read(format!("/proc/{pid}/environ")).unwrap_or_default()
}

/// The id of a process as its own PID namespace counts.
pub(crate) fn inner_pid(pid: Pid) -> Option<Pid> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    ids.split_ascii_whitespace().next_back()?.parse().ok().map(Pid::from_raw)
}

/// The name of a process, for people.
pub(crate) fn name(pid: Pid) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim_end().to_owned()
}

/// `pid (name) state parent …`; the name may hold anything, so what counts starts after its end.
fn parse_stat(pid: Pid, stat: &[u8]) -> Option<Process> {
    let name_end = stat.iter().rposition(|&byte| byte == b')')?;
    let rest = std::str::from_utf8(stat.get(name_end + 2..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    let parent = Pid::from_raw(fields.next()?.parse().ok()?);
    let start_ticks = fields.nth(17)?.parse().ok()?;
    Some(Process { pid, parent, start_ticks, state })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pid(pid: i32) -> Pid {
        Pid::from_raw(pid)
    }

    fn child(of: i32, is: i32, state: u8) -> Process {
        Process { pid: pid(is), parent: pid(of), start_ticks: 0, state }
    }

    #[test]
    fn stat_is_read_whatever_the_name_holds() {
        let stat = b"7 (a) Z 1 (b) S 3 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4242 9 9\n";
        let process = parse_stat(pid(7), stat).expect("a line of stat");
        assert_eq!(process, Process { start_ticks: 4242, ..child(3, 7, b'S') });
        assert_eq!(parse_stat(pid(7), b"7 (a"), None);
        assert_eq!(parse_stat(pid(7), b"7 (a)"), None);
    }

    #[test]
    fn this_process_is_found_with_its_parent() {
        let this = process(Pid::this()).expect("it lives");
        assert_eq!(this.parent, Pid::parent());
        assert!(this.lives() && this.start_ticks > 0);
        let all = all().expect("there is a /proc");
        assert!(descendants(&all, Pid::parent()).iter().any(|it| it.pid == Pid::this()));
    }

    #[test]
    fn descent_by_children_finds_this_process() {
        let by_children = descendants_of(Pid::parent()).expect("there is a /proc");
        assert!(by_children.iter().any(|it| it.pid == Pid::this()));
    }

    #[test]
    fn descendants_are_found_at_any_depth_and_dead_ones_left_out() {
        let all = [
            child(1, 2, b'S'),
            child(2, 3, b'Z'),
            child(3, 4, b'R'),
            child(1, 5, b'S'),
            child(4, 2, b'S'),
        ];
        let found: Vec<_> = descendants(&all, pid(2)).iter().map(|it| it.pid.as_raw()).collect();
        assert_eq!(found, [4]);
    }

    #[test]
    fn variable_is_found_by_its_whole_name() {
        let environ = b"AB=1\0A=2\0C=";
        assert_eq!(variable(environ, "A"), Some(b"2".as_slice()));
        assert_eq!(variable(environ, "C"), Some(b"".as_slice()));
        assert_eq!(variable(environ, "B"), None);
    }
}
