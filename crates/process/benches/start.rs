//! What a guard costs at the start of a program, beside a bare start in the same run.

use std::hint::black_box;

use callboard_process::guarded::{Isolation, Spec, spawn};
use callboard_process::{Launcher, Marks};
use criterion::{Criterion, criterion_group, criterion_main};
use tokio::runtime::Builder;

const GUARD: &str = env!("CARGO_BIN_EXE_guard-for-tests");

#[expect(clippy::disallowed_methods, reason = "the baseline")]
fn bare() -> tokio::process::Child {
    tokio::process::Command::new("/bin/cat")
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("there is a cat")
}

fn guarded(isolation: Isolation) -> Spec {
    let marks = Marks { agent: "bench".to_owned(), epoch: 1, owner: "bench".to_owned() };
    Spec { isolation, ..Spec::new(Launcher::at(GUARD), "/bin/cat", "/", marks) }
}

fn start(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut group = criterion.benchmark_group("start");
    group.bench_function("bare", |bencher| {
        bencher.iter_with_large_drop(|| runtime.block_on(async { black_box(bare()) }));
    });
    for (name, isolation) in
        [("namespace", Isolation::PidNamespace), ("subreaper", Isolation::Subreaper)]
    {
        group.bench_function(name, |bencher| {
            bencher.iter_with_large_drop(|| {
                runtime.block_on(async { spawn(guarded(isolation)).await.expect("it starts") })
            });
        });
    }
    group.finish();
}

criterion_group!(benches, start);
criterion_main!(benches);
