//! One run from its seed: work, faults, quiet, and the verdict.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use callboard_actors::Alert;
use callboard_cluster::Names;
use callboard_cluster::directory::Record;
use callboard_stdx::digest::sha256_hex;
use callboard_substrate::log::{Position, Stored};
use callboard_substrate_memory::Counts;
use tokio::time::{Instant, sleep};

use crate::broken::Broken;
use crate::chaos::Chaos;
use crate::dice::Dice;
use crate::history::History;
use crate::person::{Ack, Person};
use crate::predicates::{self, Sample, Violation, broken};
use crate::record::SideEffect;
use crate::scenario::Scale;
use crate::snapshot::{self, Left};
use crate::views::Views;
use crate::world::{World, capacity_bytes};

/// How often the world is looked at.
const TICK: Duration = Duration::from_millis(500);
/// Within this virtual time everything must have settled once the last fault is over.
pub const SETTLES_WITHIN: Duration = Duration::from_secs(1_800);

/// What a run is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Where all chance comes from.
    pub seed: u64,
    /// How much is asked, and what may go wrong.
    pub scale: Scale,
    /// What is deliberately broken.
    pub broken: Broken,
}

impl Run {
    /// The usual run of a seed.
    #[must_use]
    pub fn usual(seed: u64) -> Self {
        Self { seed, scale: Scale::USUAL, broken: Broken::Nothing }
    }
}

/// What a run came to.
#[derive(Debug)]
pub struct Verdict {
    /// Everything that was broken.
    pub violations: Vec<Violation>,
    /// The digest of all that happened: the same for the same seed.
    pub trace: String,
    /// Commits in the log.
    pub n_commits: usize,
    /// Tasks that were done.
    pub n_done: usize,
    /// Boots of the node.
    pub n_boots: u32,
    /// Virtual time.
    pub took: Duration,
    /// Faults of the store.
    pub faults: Counts,
}

/// Runs something on one thread, in virtual time.
pub fn simulate<T>(run: impl Future<Output = T>) -> T {
    let runtime = || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().start_paused(true).build().expect("a runtime")
    };
    actix::System::with_tokio_rt(runtime).block_on(run)
}

/// What a run left behind.
struct Remains {
    log: Vec<Stored>,
    record: Vec<SideEffect>,
    acks: Vec<Ack>,
    samples: Vec<Sample>,
    left: Vec<Left>,
    alerts: Vec<Alert>,
    views: Views,
}

/// Runs a seed and judges it.
#[must_use]
pub fn run(run: Run) -> Verdict {
    simulate(async {
        let began = Instant::now();
        let n_programs_max = Dice::new(run.seed ^ 0x4003).between(1, 6);
        let world = Rc::new(World::new(run.seed, run.broken, n_programs_max));
        let remains = live(&world, run.scale).await;
        let record = format!("{:?}", remains.record);
        let mut trace: Vec<u8> = record.into_bytes();
        remains.log.iter().for_each(|stored| trace.extend_from_slice(&stored.bytes));
        let tasks = remains.views.projects.values().flat_map(|project| project.tasks.values());
        let n_done = tasks.filter(|task| task.evidence.is_some()).count();
        let n_boots = world.host.disk().boot;
        Verdict {
            violations: judge(&remains),
            trace: sha256_hex(&trace),
            n_commits: remains.log.len(),
            n_done,
            n_boots,
            took: began.elapsed(),
            faults: world.faults().counts(),
        }
    })
}

async fn live(world: &Rc<World>, scale: Scale) -> Remains {
    let person = Person::new(Rc::clone(world));
    let mut chaos = Chaos::new(Rc::clone(world), Rc::clone(&person));
    let mut views = Views::default();
    let mut samples = Vec::new();
    let outside = world.outside();
    world.boot().await;
    person.begin(scale);
    world.host.disk().faulty = scale.faults_s > 0;
    for _ in 0..scale.faults_s * 2 {
        sleep(TICK).await;
        if !world.is_up() {
            // An append took the node with it.
            world.crash().await;
            world.boot().await;
        }
        views.follow(&*outside.log).await;
        person.answer(&views);
        samples.extend(sample(world).await);
        chaos.tick(&views).await;
    }
    chaos.calm().await;
    let until = Instant::now() + SETTLES_WITHIN;
    while Instant::now() < until {
        sleep(2 * TICK).await;
        views.follow(&*outside.log).await;
        person.answer(&views);
        chaos.start_again(&views);
        samples.extend(sample(world).await);
        let began = !views.projects.is_empty();
        if began && person.n_under_way() == 0 && predicates::settled(&views).is_empty() {
            break;
        }
    }
    world.stop().await;
    views.follow(&*outside.log).await;
    let log = outside.log.read_all(Position(0), usize::MAX).await.unwrap_or_default();
    let actors: BTreeSet<_> = log
        .iter()
        .filter_map(|stored| callboard_domain::id::ActorId::from_stream(stored.stream.as_str()))
        .collect();
    let left = snapshot::read(&*outside.blobs, actors.iter()).await;
    let (record, acks, alerts) = (world.host.record(), person.acks(), world.alerts.all());
    Remains { log, record, acks, samples, left, alerts, views }
}

/// What the directory has on the node now, where the store answers.
async fn sample(world: &World) -> Option<Sample> {
    let names = Names::new("main").expect("a legal name");
    let entries = world.outside().kv.list(names.placements()).await.ok()?;
    let records = entries.iter().filter_map(|entry| Record::decode(&entry.value).ok());
    let reserved = records
        .filter(|record| record.node().is_some())
        .map(|record| (record.actor, record.request.memory_bytes))
        .collect();
    let headroom = callboard_placement::Config::default().memory_headroom_bytes;
    let capacity_bytes = capacity_bytes(world.n_programs_max) - headroom;
    Some(Sample { at: world.clock.now(), capacity_bytes, reserved })
}

fn judge(remains: &Remains) -> Vec<Violation> {
    let Remains { log, record, acks, samples, left, alerts, views } = remains;
    let mut violations = predicates::settled(views);
    violations.extend(predicates::owners(record));
    violations.extend(predicates::steps(record));
    violations.extend(predicates::merges(record));
    violations.extend(predicates::room(samples));
    violations.extend(views.over.iter().map(|over| broken("P8", over)));
    violations.extend(alerts.iter().filter_map(bad_alert));
    match History::open(log) {
        Err(error) => violations.push(broken("P10", error.to_string())),
        Ok(history) => {
            violations.extend(predicates::epochs(&history));
            violations.extend(predicates::acknowledged(&history, acks));
            violations.extend(predicates::messages(&history));
            violations.extend(predicates::receipts(&history, record));
            violations.extend(predicates::snapshots(&history, left));
        }
    }
    violations
}

/// Alerts that no fault of a run explains.
fn bad_alert(alert: &Alert) -> Option<Violation> {
    match alert {
        Alert::LogDamaged { .. } | Alert::Quarantined { .. } => {
            Some(broken("P10", format!("{alert:?}")))
        }
        Alert::SnapshotIgnored { .. }
        | Alert::SnapshotNotStored { .. }
        | Alert::EffectFailing { .. } => None,
    }
}
