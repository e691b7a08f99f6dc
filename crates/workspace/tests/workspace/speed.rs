//! How long the operations take on a small repository. The figures are printed; the limits are
//! wide, for a busy machine, and only catch what would be felt.

use callboard_agent::workspace::{Checkpointed, Unfenced, Workspaces};
use tokio::time::{Duration, Instant};

use crate::support::{World, commit, publish, take, write};

const N: u32 = 5;

#[tokio::test]
async fn operations_on_a_small_repository_are_quick() {
    let world = World::new().await;
    let mut totals = [Duration::ZERO; 6];
    for n in 0..N {
        let agent = format!("a-{n}");
        let task = format!("p-{n}");
        let mut at = Instant::now();
        let mut lap = |idx: usize, at: &mut Instant| {
            totals[idx] += at.elapsed();
            *at = Instant::now();
        };
        let workspace = world.prepare(&agent, &task).await;
        lap(0, &mut at);
        commit(&workspace, &format!("{n}.txt"), "text").await;
        write(&workspace.folder.join("wip.txt"), "work in progress");
        write(&workspace.home.join("session/turns.jsonl"), "{}\n");
        at = Instant::now();
        let checkpoint = take(&world.host, &workspace, 1).await;
        lap(1, &mut at);
        let same = world.host.checkpoint(&workspace, &["session".into()], 2).await;
        assert!(matches!(same, Ok(Checkpointed::Unchanged(_))));
        lap(2, &mut at);
        let request = world.request(&agent, &task);
        world.host.restore(&checkpoint, &request).await.expect("restored");
        lap(3, &mut at);
        let published = publish(&world.host, &workspace).await;
        lap(4, &mut at);
        let request = world.integration(&published, None);
        world.host.integrate(&request, &Unfenced).await.expect("integrated");
        lap(5, &mut at);
    }
    let names =
        ["prepare", "checkpoint", "checkpoint-unchanged", "restore", "publish", "integrate"];
    let figures: Vec<_> = names
        .iter()
        .zip(totals)
        .map(|(name, total)| format!("{name} {} ms", (total / N).as_millis()))
        .collect();
    let figures = figures.join(", ");
    show(&figures);
    assert!(totals.iter().all(|total| *total / N < Duration::from_secs(5)), "{figures}");
}

#[expect(clippy::print_stderr, reason = "figures for the person who runs the test")]
fn show(figures: &str) {
    eprintln!("{figures}");
}
