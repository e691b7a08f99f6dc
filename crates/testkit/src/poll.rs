//! Waiting for a state, with a deadline. A test that waits for time instead is flaky.

use std::time::Duration;

use tokio::time::Instant;

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until there is something to see.
///
/// # Panics
/// When there is none after `within`, naming what was waited for.
#[track_caller]
pub fn until<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + within;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < end, "waited {within:?} in vain: {what}");
        pause(LOOK_EVERY);
    }
}

/// Lets time pass: for the random moments of faults, never to wait for something.
#[expect(clippy::disallowed_methods, reason = "process tests have nothing else to do")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_later_is_seen() {
        let mut looks = 0;
        let seen = until("three looks", Duration::from_secs(60), || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(seen, 3);
    }
}
