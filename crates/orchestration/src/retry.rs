//! When a question to another actor is asked again.

use callboard_actors::sourced::EffectError;
use callboard_cluster::{AskError, CallError};

/// What became of a question to another actor.
pub(crate) enum Asked<R> {
    /// It is done.
    Done,
    /// The actor refused it.
    Rejected(R),
    /// The actor does not exist (any more).
    Gone,
}

/// Sorts an answer: what may work later is an error, so that the effect is tried again.
pub(crate) fn sort<T, R: std::error::Error>(
    answer: Result<T, AskError<R>>,
) -> Result<Asked<R>, EffectError> {
    match answer {
        Ok(_) => Ok(Asked::Done),
        Err(AskError::Rejected(rejection)) => Ok(Asked::Rejected(rejection)),
        Err(AskError::Call(CallError::NotFound)) => Ok(Asked::Gone),
        Err(AskError::Call(error)) => Err(EffectError::new(error.to_string())),
    }
}
