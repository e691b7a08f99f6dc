//! How good a node that fits is, 0 to 1.

use crate::cluster::{Node, Pool};
use crate::config::{Config, Strategy};
use crate::misfit;
use crate::request::Request;

/// The score of a node that fits the request.
pub(crate) fn score(node: &Node, pool: &Pool, request: &Request, cfg: &Config) -> f64 {
    let (free_millis, free_bytes) = misfit::free(node, pool, cfg);
    let cpu = used_after(pool.cpu_millis, request.cpu_millis, free_millis);
    let memory = used_after(pool.memory_bytes, request.memory_bytes, free_bytes);
    let used = f64::midpoint(cpu, memory);
    match cfg.strategy {
        Strategy::Binpack => used,
        Strategy::Spread => 1.0 - used,
        Strategy::Balanced => 1.0 - (0.5 * used + 0.25 * (cpu - memory).abs() + 0.25 * busy(node)),
    }
}

/// The share in use once the request is placed.
fn used_after(reserved: u64, asked: u64, free: u64) -> f64 {
    let all = reserved.saturating_add(free);
    if all == 0 {
        return 1.0;
    }
    (reserved.saturating_add(asked) as f64 / all as f64).clamp(0.0, 1.0)
}

/// The worst of the measured signs of load, 0 to 1.
fn busy(node: &Node) -> f64 {
    let report = &node.report;
    let pressures = [report.cpu.pressure, report.memory.pressure];
    let pressure = pressures.into_iter().flatten().map(|pressure| pressure.some_avg10_pct);
    let worst = pressure.fold(report.cpu.used_pct, f64::max);
    (worst / 100.0).clamp(0.0, 1.0)
}
