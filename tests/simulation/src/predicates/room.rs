//! Of placement: what is reserved fits.

use callboard_domain::id::ActorId;
use chrono::{DateTime, Utc};

use crate::predicates::{Violation, broken};

/// What the directory had on the node at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub at: DateTime<Utc>,
    /// Memory that may be reserved, in bytes.
    pub capacity_bytes: u64,
    /// Who has how much of it.
    pub reserved: Vec<(ActorId, u64)>,
}

/// P6: reservations never exceed the capacity.
#[must_use]
pub fn room(samples: &[Sample]) -> Vec<Violation> {
    let sum = |sample: &Sample| sample.reserved.iter().map(|(_, bytes)| bytes).sum::<u64>();
    let over = samples.iter().filter(|sample| sum(sample) > sample.capacity_bytes);
    let what = |sample: &Sample| {
        let (sum, capacity) = (sum(sample), sample.capacity_bytes);
        format!("at {}: {sum} bytes reserved of {capacity}: {:?}", sample.at, sample.reserved)
    };
    over.map(|sample| broken("P6", what(sample))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overcommit_is_seen() {
        let actor: ActorId = "agent/a".parse().expect("legal");
        let at = DateTime::UNIX_EPOCH;
        let fits = Sample { at, capacity_bytes: 10, reserved: vec![(actor.clone(), 10)] };
        assert_eq!(room(std::slice::from_ref(&fits)), []);
        let reserved = vec![(actor.clone(), 10), (actor, 1)];
        assert_eq!(room(&[Sample { reserved, ..fits }])[0].promise, "P6");
    }
}
