//! The processes of a machine: those that work in its folder, or were told its name.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A process, with its command line to be shown.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) command: String,
}

/// Every process but this one whose folder, arguments or environment lie in or name `home`.
pub(crate) fn of(home: &Path) -> Vec<Process> {
    let entries = fs::read_dir("/proc").expect("this is Linux");
    let pids = entries.filter_map(|it| it.ok()?.file_name().to_str()?.parse().ok());
    let others = pids.filter(|pid: &i32| u32::try_from(*pid) != Ok(std::process::id()));
    others.filter_map(|pid| look(pid, home)).collect()
}

/// A process that ends while it is looked at is none; neither is one that waits for its parent.
fn look(pid: i32, home: &Path) -> Option<Process> {
    let file = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
    let command = file("cmdline");
    let named = |bytes: &[u8]| {
        let home = home.as_os_str().as_bytes();
        bytes.windows(home.len()).any(|it| it == home)
    };
    let folder = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
    if !folder.starts_with(home) && !named(&command) && !named(&file("environ")) {
        return None;
    }
    let command = String::from_utf8_lossy(&command).replace('\0', " ");
    Some(Process { pid, command })
}
