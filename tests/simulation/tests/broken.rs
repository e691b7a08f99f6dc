//! That the simulation sees what is broken: one broken part at a time.

use callboard_simulation::broken::Broken;
use callboard_simulation::run::{Run, run};

/// Seeds that may be needed until chance hits the broken part.
const N_SEEDS: u64 = 40;

fn check(broken: Broken, promises: &[&str]) {
    for seed in 0..N_SEEDS {
        let verdict = run(Run { broken, ..Run::usual(seed) });
        let seen = |promise: &&str| verdict.violations.iter().any(|v| v.promise == *promise);
        if promises.iter().any(seen) {
            return;
        }
    }
    panic!("{broken:?} was not seen in {N_SEEDS} seeds as one of {promises:?}");
}

#[test]
fn simulation_sees_a_log_that_ignores_versions() {
    check(Broken::LogIgnoresVersions, &["P1", "P10"]);
}

#[test]
fn simulation_sees_a_log_that_acknowledges_too_early() {
    check(Broken::LogAcknowledgesTooEarly, &["P2", "P10"]);
}

#[test]
fn simulation_sees_a_merge_that_is_done_twice() {
    check(Broken::IntegratesTwice, &["P3"]);
}

#[test]
fn simulation_sees_a_program_that_outlives_its_effect() {
    check(Broken::ProgramOutlivesItsEffect, &["P1"]);
}

#[test]
fn simulation_sees_a_delivery_before_its_effect() {
    check(Broken::DeliveredBeforeTaken, &["P4"]);
}
