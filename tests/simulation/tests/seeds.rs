//! The promises under faults: P1 to P4, P6, P8, P10, and that everything settles.

use callboard_simulation::many::many;
use callboard_simulation::run::{Run, run};
use callboard_simulation::scenario::Scale;
use callboard_testkit::size::Size;

/// The variable by which one seed is run again.
const SEED: &str = "CALLBOARD_SEED";

#[expect(clippy::disallowed_methods, reason = "tests have no configuration to read it from")]
fn one_seed() -> Option<u64> {
    std::env::var(SEED).ok()?.parse().ok()
}

#[test]
fn simulation_of_one_node_keeps_every_promise_under_faults() {
    let n_seeds = u64::from(Size::of_this_run().pick(40, 1_000));
    let seeds = one_seed().map_or(0..n_seeds, |seed| seed..seed + 1);
    let summary = many(seeds);
    let failures: Vec<_> = summary
        .failures
        .iter()
        .map(|failure| {
            let seed = failure.seed;
            let again =
                format!("{SEED}={seed} cargo nextest run -p callboard-simulation of_one_node");
            format!("seed {seed}, again by `{again}`:\n  {}", failure.what.join("\n  "))
        })
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} seeds failed\n{}",
        failures.len(),
        summary.n_runs,
        failures.join("\n")
    );
    // Otherwise the runs prove nothing.
    let n_runs = usize::try_from(summary.n_runs).expect("few");
    assert!(summary.n_done >= n_runs && summary.n_commits >= 50 * n_runs, "{summary:?}");
    assert!(summary.n_faults >= summary.n_runs && summary.n_boots > summary.n_runs, "{summary:?}");
}

#[test]
fn simulation_without_faults_does_every_task_at_once() {
    let verdict = run(Run { scale: Scale::HAPPY, ..Run::usual(1) });
    assert_eq!(verdict.violations, []);
    assert_eq!((verdict.n_done, verdict.n_boots), (3, 1));
    assert!(verdict.took.as_secs() < 120, "{:?}", verdict.took);
}

#[test]
fn simulation_of_the_same_seed_is_the_same() {
    for seed in [3, 7] {
        let (first, second) = (run(Run::usual(seed)), run(Run::usual(seed)));
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert_eq!(first.took, second.took, "seed {seed}");
    }
    assert_ne!(run(Run::usual(1)).trace, run(Run::usual(2)).trace);
}
