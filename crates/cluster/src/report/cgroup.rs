//! The limits and the use of this process's control group, version 2 or 1.
//!
//! A limit may be set on any group above ours, so all of them up to the root are looked at and the
//! smallest counts. What cannot be read is no limit.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the control groups say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Limits {
    /// The smallest memory limit, and what is used in the group that has it (without the file
    /// cache that would be given back).
    pub(super) memory: Option<MemoryLimit>,
    /// The smallest processor quota, in thousandths of one processor, and the group's use so far.
    pub(super) cpu: Option<CpuLimit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MemoryLimit {
    pub(super) limit_bytes: u64,
    pub(super) used_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CpuLimit {
    pub(super) limit_millis: u64,
    pub(super) used: Duration,
}

/// Version 1 says "no limit" by a number near this one.
const V1_UNLIMITED_BYTES: u64 = 1 << 60;

/// Reads the limits. `proc_root` is `/proc` and `cgroup_root` `/sys/fs/cgroup`, outside of tests.
pub(super) fn read(proc_root: &Path, cgroup_root: &Path) -> Limits {
    let own = fs::read_to_string(proc_root.join("self/cgroup")).unwrap_or_default();
    if cgroup_root.join("cgroup.controllers").exists() {
        let groups = groups(cgroup_root, own_path(&own, ""));
        return Limits {
            memory: smallest(&groups, memory_v2, |memory| memory.limit_bytes),
            cpu: smallest(&groups, cpu_v2, |cpu| cpu.limit_millis),
        };
    }
    let memory = groups(&cgroup_root.join("memory"), own_path(&own, "memory"));
    let cpu = groups(&cgroup_root.join("cpu"), own_path(&own, "cpu"));
    Limits {
        memory: smallest(&memory, memory_v1, |memory| memory.limit_bytes),
        cpu: smallest(&cpu, |group| cpu_v1(group, cgroup_root), |cpu| cpu.limit_millis),
    }
}

/// The path of our group for a controller: the line `id:controllers:path` of `/proc/self/cgroup`.
fn own_path<'a>(own: &'a str, controller: &str) -> &'a str {
    let path = own.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        controllers.split(',').any(|name| name == controller).then_some(path)
    });
    path.unwrap_or("/")
}

/// Our group and all above it. In a container the path may name a group of the host that is not
/// visible here: then the root is ours.
fn groups(root: &Path, own: &str) -> Vec<PathBuf> {
    let own = root.join(own.trim_start_matches('/'));
    if !own.starts_with(root) || !own.is_dir() {
        return vec![root.to_owned()];
    }
    own.ancestors().take_while(|group| group.starts_with(root)).map(Path::to_owned).collect()
}

fn smallest<T>(
    groups: &[PathBuf],
    read: impl Fn(&Path) -> Option<T>,
    limit: impl Fn(&T) -> u64,
) -> Option<T> {
    groups.iter().filter_map(|group| read(group)).min_by_key(limit)
}

fn memory_v2(group: &Path) -> Option<MemoryLimit> {
    let limit_bytes = number(&group.join("memory.max"))?;
    let used = number(&group.join("memory.current")).unwrap_or(0);
    let cache = field(&group.join("memory.stat"), "inactive_file").unwrap_or(0);
    Some(MemoryLimit { limit_bytes, used_bytes: used.saturating_sub(cache) })
}

fn memory_v1(group: &Path) -> Option<MemoryLimit> {
    let limit_bytes = number(&group.join("memory.limit_in_bytes"))?;
    if limit_bytes >= V1_UNLIMITED_BYTES {
        return None;
    }
    let used = number(&group.join("memory.usage_in_bytes")).unwrap_or(0);
    let cache = field(&group.join("memory.stat"), "total_inactive_file").unwrap_or(0);
    Some(MemoryLimit { limit_bytes, used_bytes: used.saturating_sub(cache) })
}

fn cpu_v2(group: &Path) -> Option<CpuLimit> {
    let text = fs::read_to_string(group.join("cpu.max")).ok()?;
    let mut words = text.split_whitespace();
    let quota: u64 = words.next()?.parse().ok()?;
    let period: u64 = words.next()?.parse().ok()?;
    let used = field(&group.join("cpu.stat"), "usage_usec").unwrap_or(0);
    Some(CpuLimit { limit_millis: millis(quota, period)?, used: Duration::from_micros(used) })
}

fn cpu_v1(group: &Path, cgroup_root: &Path) -> Option<CpuLimit> {
    // -1 is no quota, and no number here.
    let quota = number(&group.join("cpu.cfs_quota_us"))?;
    let period = number(&group.join("cpu.cfs_period_us"))?;
    let inside = group.strip_prefix(cgroup_root.join("cpu")).ok()?;
    let used = number(&cgroup_root.join("cpuacct").join(inside).join("cpuacct.usage")).unwrap_or(0);
    Some(CpuLimit { limit_millis: millis(quota, period)?, used: Duration::from_nanos(used) })
}

fn millis(quota: u64, period: u64) -> Option<u64> {
    quota.saturating_mul(1_000).checked_div(period)
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn field(path: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake(tempfile::TempDir);

    impl Fake {
        fn new(files: &[(&str, &str)]) -> Self {
            let fake = Self(tempfile::tempdir().expect("a temporary folder"));
            for (path, text) in files {
                let path = fake.0.path().join(path);
                fs::create_dir_all(path.parent().expect("it has one")).expect("writable");
                fs::write(path, text).expect("writable");
            }
            fake
        }

        fn read(&self) -> Limits {
            read(&self.0.path().join("proc"), &self.0.path().join("cgroup"))
        }
    }

    #[test]
    fn version_2_counts_the_smallest_limit_above() {
        let fake = Fake::new(&[
            ("proc/self/cgroup", "0::/pod/container\n"),
            ("cgroup/cgroup.controllers", "cpu memory\n"),
            ("cgroup/pod/memory.max", "2147483648\n"),
            ("cgroup/pod/memory.current", "1073741824\n"),
            ("cgroup/pod/memory.stat", "anon 5\ninactive_file 73741824\n"),
            ("cgroup/pod/cpu.max", "150000 100000\n"),
            ("cgroup/pod/cpu.stat", "usage_usec 42\nuser_usec 1\n"),
            ("cgroup/pod/container/memory.max", "max\n"),
            ("cgroup/pod/container/cpu.max", "max 100000\n"),
        ]);
        let limits = fake.read();
        let memory = MemoryLimit { limit_bytes: 2 << 30, used_bytes: 1_000_000_000 };
        assert_eq!(limits.memory, Some(memory));
        let cpu = CpuLimit { limit_millis: 1_500, used: Duration::from_micros(42) };
        assert_eq!(limits.cpu, Some(cpu));
    }

    #[test]
    fn version_2_in_a_container_finds_its_limits_at_the_root() {
        let fake = Fake::new(&[
            ("proc/self/cgroup", "0::/../../host/path\n"),
            ("cgroup/cgroup.controllers", "cpu memory\n"),
            ("cgroup/memory.max", "1048576\n"),
            ("cgroup/memory.current", "4096\n"),
        ]);
        let memory = MemoryLimit { limit_bytes: 1 << 20, used_bytes: 4_096 };
        assert_eq!(fake.read(), Limits { memory: Some(memory), cpu: None });
    }

    #[test]
    fn version_1_is_read_per_controller() {
        let fake = Fake::new(&[
            ("proc/self/cgroup", "4:cpu,cpuacct:/box\n2:memory:/box\n"),
            ("cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("cgroup/memory/box/memory.limit_in_bytes", "536870912\n"),
            ("cgroup/memory/box/memory.usage_in_bytes", "200\n"),
            ("cgroup/memory/box/memory.stat", "total_inactive_file 50\n"),
            ("cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
            ("cgroup/cpu/box/cpu.cfs_quota_us", "50000\n"),
            ("cgroup/cpu/box/cpu.cfs_period_us", "100000\n"),
            ("cgroup/cpuacct/box/cpuacct.usage", "7000\n"),
        ]);
        let limits = fake.read();
        let memory = MemoryLimit { limit_bytes: 512 << 20, used_bytes: 150 };
        assert_eq!(limits.memory, Some(memory));
        let cpu = CpuLimit { limit_millis: 500, used: Duration::from_micros(7) };
        assert_eq!(limits.cpu, Some(cpu));
    }

    #[test]
    fn no_group_and_nonsense_are_no_limit() {
        assert_eq!(Fake::new(&[]).read(), Limits::default());
        let fake = Fake::new(&[
            ("proc/self/cgroup", "nonsense"),
            ("cgroup/cgroup.controllers", ""),
            ("cgroup/memory.max", "many"),
            ("cgroup/cpu.max", "100000 0"),
        ]);
        assert_eq!(fake.read(), Limits::default());
    }
}
