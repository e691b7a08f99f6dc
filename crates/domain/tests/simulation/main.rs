//! A model world without threads: entities, a shell, a network and programs that fail at random.
//!
//! Every seed runs some projects under faults (crashes, lost programs, lost and late words, failing
//! checks, conflicts, people who stop, cancel and retry), then lets the faults end and demands that
//! everything settles. A failure prints its seeds.

mod effects;
mod judge;
mod node;
mod people;
mod world;

use world::World;

const SEEDS: u64 = 2_000;

fn run(seed: u64) {
    let mut world = World::new(seed);
    world.open_projects();
    world.run_until_quiet();
    world.judge();
}

/// Half of the seeds each, so that two processors share them.
fn every_seed_settles(remainder: u64) {
    let failed = |seed: &u64| std::panic::catch_unwind(|| run(*seed)).is_err();
    let mine = (0..SEEDS).filter(|seed| seed % 2 == remainder);
    let failed: Vec<_> = mine.filter(failed).collect();
    assert!(failed.is_empty(), "these seeds failed: {failed:?}");
}

#[test]
fn simulation_of_even_seeds_settles() {
    every_seed_settles(0);
}

#[test]
fn simulation_of_odd_seeds_settles() {
    every_seed_settles(1);
}
