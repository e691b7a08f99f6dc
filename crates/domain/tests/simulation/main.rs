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

#[test]
fn every_project_settles_whatever_fails() {
    let failed = |seed: &u64| std::panic::catch_unwind(|| run(*seed)).is_err();
    let failed: Vec<_> = (0..SEEDS).filter(failed).collect();
    assert!(failed.is_empty(), "these seeds failed: {failed:?}");
}
