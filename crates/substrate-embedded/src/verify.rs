//! Reads the whole log and checks every stream's chain: what `doctor` and the crash tests ask.
//!
//! The log is read in its own order, page by page; one chain per stream is kept in memory (about
//! 200 bytes each).

use std::collections::BTreeMap;

use callboard_substrate::log::{Position, ReadError, Stored};
use callboard_substrate::name::Stream;
use callboard_substrate::seal::{self, Chain};

use crate::embedded::Embedded;
use crate::log::read_all;

/// Commits read at once.
const PAGE: usize = 256;
/// Damages told in full; the others are counted.
const N_DAMAGES_TOLD: usize = 16;

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Commits read.
    pub n_commits: u64,
    /// Streams that they belong to.
    pub n_streams: u64,
    /// Damages found; 0 means that all is well.
    pub n_damages: u64,
    /// The first damages.
    pub damages: Vec<Damage>,
}

/// One damage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The stream, where the damage is that of a commit and not of the database.
    pub stream: Option<Stream>,
    /// After which position (database) or at which (commit).
    pub position: Position,
    /// What is wrong.
    pub reason: String,
}

impl Embedded {
    /// Streams the whole log and checks the page structure of its database, each commit's
    /// checksum, and each stream's chain. After a damage, a stream's later commits are not counted
    /// as damaged too. Damage is in the answer, not an error.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] where the log cannot be read now.
    pub async fn verify_all(&self) -> Result<Verified, ReadError> {
        let mut check = Check::default();
        check.structure(self).await?;
        let mut after = Position::default();
        loop {
            let page = self
                .log()
                .readers()
                .read(|| format!("the log after {after}"), move |db| read_all(db, after, PAGE))
                .await;
            let page = match page {
                Ok(page) => page,
                Err(ReadError::Damaged { reason, .. }) => {
                    // What lies behind cannot be reached in order.
                    check.damage(None, after, reason);
                    break;
                }
                Err(error @ ReadError::Unavailable { .. }) => return Err(error),
            };
            page.iter().for_each(|stored| check.commit(stored));
            match page.last() {
                Some(last) => after = last.position,
                None => break,
            }
        }
        check.verified.n_streams = check.chains.len() as u64;
        Ok(check.verified)
    }
}

#[derive(Default)]
struct Check {
    /// Where each stream stands; `None` once its chain is broken.
    chains: BTreeMap<Stream, Option<Chain>>,
    verified: Verified,
}

impl Check {
    async fn structure(&mut self, embedded: &Embedded) -> Result<(), ReadError> {
        let answer = embedded
            .log()
            .readers()
            .read(
                || "the structure of the log".to_owned(),
                |db| db.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0)),
            )
            .await;
        match answer {
            Ok(answer) if answer == "ok" => {}
            Ok(reason) | Err(ReadError::Damaged { reason, .. }) => {
                self.damage(None, Position::default(), reason);
            }
            Err(error @ ReadError::Unavailable { .. }) => return Err(error),
        }
        Ok(())
    }

    fn commit(&mut self, stored: &Stored) {
        self.verified.n_commits += 1;
        let first = || Some(Chain::new());
        let chain = self.chains.entry(stored.stream.clone()).or_insert_with(first);
        let Some(standing) = chain else { return };
        let checked =
            seal::open(&stored.bytes).map_err(|damaged| damaged.to_string()).and_then(|sealed| {
                if sealed.header.id != stored.id {
                    return Err(format!("it is stored as {}", stored.id));
                }
                standing.check(&sealed, &stored.bytes).map_err(|damaged| damaged.to_string())
            });
        if let Err(reason) = checked {
            *chain = None;
            self.damage(Some(stored.stream.clone()), stored.position, reason);
        }
    }

    fn damage(&mut self, stream: Option<Stream>, position: Position, reason: String) {
        self.verified.n_damages += 1;
        if self.verified.damages.len() < N_DAMAGES_TOLD {
            self.verified.damages.push(Damage { stream, position, reason });
        }
    }
}
