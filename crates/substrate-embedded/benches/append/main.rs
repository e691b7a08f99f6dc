//! Appends with group commit and reads of a stream, against bare SQLite in the same run.
//!
//! First `figure` and `ratio` lines, which tools compare with the limits; then Criterion's view.

mod bare;
mod load;
mod ratio;

use std::hint::black_box;

use callboard_substrate::log::Version;
use criterion::{Criterion, Throughput};

use crate::load::Load;

/// Appends that one measured step makes.
const N_STEP: usize = 10_000;

fn main() {
    ratio::print();
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    append(&mut criterion);
    read(&mut criterion);
    criterion.final_summary();
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append_256_bytes");
    group.throughput(Throughput::Elements(N_STEP as u64));
    let mut load = Load::start();
    group.bench_function("embedded", |bencher| bencher.iter(|| load.append(N_STEP)));
    load.stop();
    let mut bare = bare::Bare::create();
    group.bench_function("bare", |bencher| bencher.iter(|| bare.append(N_STEP)));
    group.finish();
}

fn read(criterion: &mut Criterion) {
    let mut load = Load::start();
    load.append(load::N_STREAMS * ratio::N_READ);
    let mut group = criterion.benchmark_group("read_stream_of_1000");
    group.throughput(Throughput::Elements(ratio::N_READ as u64));
    group.bench_function("embedded", |bencher| {
        bencher.iter(|| black_box(load.read(Version::EMPTY, ratio::N_READ)));
    });
    group.finish();
    load.stop();
}
