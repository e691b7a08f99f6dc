//! Prints `figure <name> <value>` and `ratio <name> <value>`, one per line.
//!
//! Appends: medians of many short rounds, ours and bare in turn. Reads: the least of many, for a wake-up on a busy machine takes
//! longer than the read.

use std::io::Write;

use callboard_substrate::log::Version;
use rusqlite::{Connection, OpenFlags};
use tokio::time::Instant;
use uuid::Uuid;

use crate::bare::Bare;
use crate::load::{Load, N_STREAMS};

/// Commits in the stream that is read.
pub(crate) const N_READ: usize = 1_000;

const N_ROUNDS: usize = 15;
const N_APPENDS: usize = 30_000;
const N_ALONE: usize = 200;
const N_READS: usize = 100;

/// Measures ours and the baseline in turn, and prints what it came to.
pub(crate) fn print() {
    let mut ours = Vec::new();
    let mut bare = Vec::new();
    let mut ratios = Vec::new();
    for _ in 0..N_ROUNDS {
        let bare_per_second = per_second(N_APPENDS, |n| Bare::create().append(n));
        let mut load = Load::start();
        let ours_per_second = per_second(N_APPENDS, |n| {
            load.append(n);
        });
        load.stop();
        ours.push(ours_per_second);
        bare.push(bare_per_second);
        ratios.push(ours_per_second / bare_per_second);
    }
    line("figure", "embedded/append_per_second", median(ours));
    line("figure", "embedded/append_bare_per_second", median(bare));
    line("ratio", "embedded/append", median(ratios));

    let mut load = Load::start();
    let alone = per_second(N_ALONE, |n| load.append_alone(n));
    line("figure", "embedded/append_alone_per_second", alone);
    load.stop();
    print_read();
}

/// One stream of 1,000 commits among 1,000 such streams.
fn print_read() {
    let mut load = Load::start();
    load.append(N_STREAMS * N_READ);
    let access = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let db = Connection::open_with_flags(load.log_path(), access).expect("it opens");
    let (mut ours, mut bare) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..N_READS {
        let bare_ms = milliseconds(|| assert_eq!(read_bare(&db), N_READ));
        let ours_ms = milliseconds(|| assert_eq!(load.read(Version::EMPTY, N_READ).len(), N_READ));
        (ours, bare) = (ours.min(ours_ms), bare.min(bare_ms));
    }
    line("figure", "embedded/read_1000_ms", ours);
    line("figure", "embedded/read_1000_bare_ms", bare);
    line("ratio", "embedded/read_1000", bare / ours);
    for (name, id) in [("newest", N_READ as u128), ("oldest", 1), ("missing", u128::MAX)] {
        let ms = (0..N_READS).map(|_| milliseconds(|| drop(load.find(Uuid::from_u128(id)))));
        let least = ms.fold(f64::INFINITY, f64::min);
        line("figure", &format!("embedded/find_{name}_of_1000_ms"), least);
    }
    load.stop();
}

fn read_bare(db: &Connection) -> usize {
    let sql = "SELECT version, position, id, bytes FROM commits
               WHERE stream = (SELECT id FROM streams WHERE name = 'agent.bench-7')
               ORDER BY version";
    let mut statement = db.prepare_cached(sql).expect("prepared");
    let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(3)).expect("readable");
    rows.map(|bytes| bytes.expect("readable")).collect::<Vec<_>>().len()
}

fn per_second(n: usize, run: impl FnOnce(usize)) -> f64 {
    let start = Instant::now();
    run(n);
    n as f64 / start.elapsed().as_secs_f64()
}

fn milliseconds(run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64() * 1_000.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn line(kind: &str, name: &str, value: f64) {
    writeln!(std::io::stdout().lock(), "{kind} {name} {value:.2}").expect("stdout is open");
}
