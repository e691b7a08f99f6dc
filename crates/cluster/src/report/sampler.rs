//! Measures this machine. The only user of sysinfo, whose interface changes between versions.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use callboard_placement::{Cpu, Memory};
use callboard_stdx::task;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sysinfo::System;
use tokio::time::Instant;

use super::cgroup::{self, CpuLimit, Limits};
use super::{Measured, Reports, pressure};

/// Where the sampler reads.
#[derive(Debug, Clone)]
pub struct Source {
    /// `/proc`.
    pub proc_root: PathBuf,
    /// `/sys/fs/cgroup`.
    pub cgroup_root: PathBuf,
    /// The folder whose file system counts.
    pub data_dir: PathBuf,
}

impl Source {
    /// The machine's own, with the data folder.
    #[must_use]
    pub fn machine(data_dir: PathBuf) -> Self {
        Self { proc_root: "/proc".into(), cgroup_root: "/sys/fs/cgroup".into(), data_dir }
    }
}

/// This system tells nothing of itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to measure this machine: {0}")]
pub struct NotMeasurable(String);

struct Sampling {
    source: Source,
    system: System,
    /// The group's processor use at the last measurement.
    cpu_before: Option<(Instant, Duration)>,
}

/// Measures this machine, on the pool for blocking work.
#[derive(Clone)]
pub struct Sampler(Arc<Mutex<Sampling>>);

impl Sampler {
    /// A sampler; its first measurement has no processor use yet.
    ///
    /// # Errors
    /// [`NotMeasurable`] where this system tells nothing of itself.
    pub fn new(source: Source) -> Result<Self, NotMeasurable> {
        let system = System::new().map_err(|error| NotMeasurable(error.to_string()))?;
        Ok(Self(Arc::new(Mutex::new(Sampling { source, system, cpu_before: None }))))
    }
}

impl Reports for Sampler {
    fn measure(&self) -> BoxFuture<'_, Measured> {
        let sampling = Arc::clone(&self.0);
        let measure = move || {
            // A measurement that panicked left nothing half done that the next one needs.
            sampling.lock().unwrap_or_else(PoisonError::into_inner).measure()
        };
        task::spawn_blocking("measure", measure).boxed()
    }
}

impl Sampling {
    fn measure(&mut self) -> Measured {
        self.system.refresh_memory();
        self.system.refresh_cpu_usage();
        let limits = cgroup::read(&self.source.proc_root, &self.source.cgroup_root);
        Measured {
            cpu: self.cpu(&limits),
            memory: self.memory(&limits),
            disk_free_bytes: self.disk_free_bytes(),
        }
    }

    fn cpu(&mut self, limits: &Limits) -> Cpu {
        let count = self.system.cpus().len().max(1);
        let machine_millis = count as u64 * 1_000;
        let now = Instant::now();
        let (limit_millis, used_pct) = match limits.cpu {
            Some(CpuLimit { limit_millis, used }) if limit_millis < machine_millis => {
                let before = self.cpu_before.replace((now, used));
                (
                    limit_millis,
                    before.map_or(0.0, |before| used_pct(before, (now, used), limit_millis)),
                )
            }
            _ => (machine_millis, f64::from(self.system.global_cpu_usage())),
        };
        Cpu {
            count: u32::try_from(count).unwrap_or(u32::MAX),
            limit_millis,
            used_pct: if used_pct.is_finite() { used_pct.clamp(0.0, 100.0) } else { 0.0 },
            load1: System::load_average().map_or(0.0, |load| load.one),
            pressure: pressure::read(&self.source.proc_root, "cpu"),
        }
    }

    fn memory(&self, limits: &Limits) -> Memory {
        let total_bytes = self.system.total_memory();
        let available_bytes = self.system.available_memory();
        let limit = limits.memory.filter(|memory| memory.limit_bytes < total_bytes);
        let within =
            limit.map_or(u64::MAX, |memory| memory.limit_bytes.saturating_sub(memory.used_bytes));
        Memory {
            total_bytes,
            available_bytes: available_bytes.min(within),
            limit_bytes: limit.map(|memory| memory.limit_bytes),
            pressure: pressure::read(&self.source.proc_root, "memory"),
        }
    }

    /// Nothing where it cannot be told: a node whose disk is unknown takes nothing.
    fn disk_free_bytes(&self) -> u64 {
        match nix::sys::statvfs::statvfs(&self.source.data_dir) {
            Ok(stat) => stat.blocks_available().saturating_mul(stat.fragment_size()),
            Err(error) => {
                let path = self.source.data_dir.display();
                tracing::warn!(%path, %error, "free disk not read");
                0
            }
        }
    }
}

/// How much of the quota was used between two measurements.
fn used_pct(before: (Instant, Duration), now: (Instant, Duration), limit_millis: u64) -> f64 {
    let allowed = now.0.duration_since(before.0).as_secs_f64() * limit_millis as f64 / 1_000.0;
    now.1.saturating_sub(before.1).as_secs_f64() / allowed * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn this_machine_is_measured() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sampler = Sampler::new(Source::machine(folder.path().to_owned()));
        let sampler = sampler.expect("this system is known");
        let measured = sampler.measure().await;
        assert!(measured.cpu.limit_millis > 0);
        assert!(measured.memory.capacity_bytes() > 0);
        assert!(measured.memory.available_bytes <= measured.memory.capacity_bytes());
        assert!(measured.disk_free_bytes > 0);
    }

    #[test]
    fn use_is_a_share_of_the_quota() {
        let began = Instant::now();
        let later = began + Duration::from_secs(2);
        let pct = used_pct((began, Duration::ZERO), (later, Duration::from_millis(500)), 500);
        assert!((pct - 50.0).abs() < 1e-9, "{pct}");
    }
}
