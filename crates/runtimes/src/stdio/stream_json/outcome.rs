//! How a turn ended and what it used.

use std::collections::BTreeSet;

use callboard_agent::event::{Event, TurnOutcome, Usage};

use super::codec::{Codec, report};
use super::messages::{ModelUsage, Spoken, Tokens, TurnResult};
use super::output;
use crate::codec::Fed;

/// Further messages of one turn are counted at its end only.
const COUNTED_MAX: usize = 4_096;

/// A turn ended: its usage, the requests that nobody waits for any more, its outcome.
pub(super) fn ended(codec: &mut Codec, result: TurnResult, fed: &mut Fed) {
    codec.ledger.settle(&result, fed);
    if matches!(result.api_error_status, Some(429 | 529)) {
        let text = words(&result);
        fed.events.push(Event::RateLimited { retry_after_s: None, text });
    }
    if codec.turn.as_ref().is_some_and(|turn| !turn.started) {
        // A turn that the program began by itself; ours is still to come.
        return;
    }
    for id in std::mem::take(&mut codec.open).into_keys() {
        fed.events.push(Event::PermissionCancelled { id });
    }
    let Some(turn) = codec.turn.take() else { return };
    let outcome = outcome(&result, turn.interrupted);
    let summary = output::cut(&summary(&result), codec.cfg.text_len_max);
    fed.events.push(Event::TurnEnded { prompt: turn.prompt, outcome, summary });
}

fn outcome(result: &TurnResult, interrupted: bool) -> TurnOutcome {
    if result.subtype == "success" && !result.is_error {
        return TurnOutcome::Completed;
    }
    let aborted = result.terminal_reason.as_deref().is_some_and(|r| r.starts_with("aborted"));
    if aborted || (interrupted && result.subtype == "error_during_execution") {
        return TurnOutcome::Interrupted;
    }
    TurnOutcome::Failed { reason: words(result) }
}

/// The program's own words about a failure.
fn words(result: &TurnResult) -> String {
    let errors = result.errors.as_deref().unwrap_or_default().join("; ");
    let words = [result.result.as_deref().unwrap_or_default(), &errors, &result.subtype];
    let words = words.into_iter().find(|words| !words.is_empty());
    words.unwrap_or("the program gave no reason").to_owned()
}

/// The last words of a turn, with what was not permitted: "success" does not mean that it was done.
fn summary(result: &TurnResult) -> String {
    let mut summary = result.result.clone().unwrap_or_default();
    if !result.permission_denials.is_empty() {
        let denied: Vec<_> = result
            .permission_denials
            .iter()
            .map(|denial| format!("{} {}", denial.tool_name, output::detail(&denial.tool_input)))
            .collect();
        summary = format!("{summary} [not permitted: {}]", denied.join("; "));
    }
    summary.trim().to_owned()
}

/// What was used and reported. Each call to the model is reported when it begins, as far as it is
/// known, so that a killed program leaves little uncounted; the result settles the rest.
#[derive(Debug)]
pub(super) struct Ledger {
    /// Tokens reported since the last result.
    advanced: Usage,
    /// The messages that were counted since the last result: a message comes in several parts,
    /// and those of subagents come in between.
    counted: BTreeSet<String>,
    /// The cumulative cost at the last result; unknown after a resume.
    cost_total_usd: Option<f64>,
}

impl Ledger {
    pub(super) fn fresh() -> Self {
        Self { advanced: Usage::default(), counted: BTreeSet::new(), cost_total_usd: Some(0.0) }
    }

    pub(super) fn resumed() -> Self {
        Self { cost_total_usd: None, ..Self::fresh() }
    }

    /// Reports what a message of the model is known to have used.
    pub(super) fn heard(&mut self, message: &Spoken, fed: &mut Fed) {
        if message.id.is_empty() || self.counted.len() >= COUNTED_MAX {
            return;
        }
        if !self.counted.insert(message.id.clone()) {
            return;
        }
        let usage = tokens(message.usage);
        self.advanced = add(self.advanced, usage);
        report(usage, fed);
    }

    /// Reports the rest at the end of a turn.
    fn settle(&mut self, result: &TurnResult, fed: &mut Fed) {
        let mut total = tokens(result.usage);
        let cost_before = self.cost_total_usd.replace(result.total_cost_usd);
        total.cost_micro_usd =
            cost_before.map_or(0, |before| micro_usd((result.total_cost_usd - before).max(0.0)));
        if let Some(models) = &result.model_usage_since_last_result {
            total = models.values().map(model).fold(Usage::default(), add);
        }
        let advanced = std::mem::take(&mut self.advanced);
        self.counted.clear();
        report(subtract(total, advanced), fed);
    }
}

/// Tokens written to the cache count as read tokens that the cache did not give.
fn tokens(tokens: Tokens) -> Usage {
    Usage {
        input_tokens: tokens.input_tokens.saturating_add(tokens.cache_creation_input_tokens),
        output_tokens: tokens.output_tokens,
        cached_tokens: tokens.cache_read_input_tokens,
        cost_micro_usd: 0,
    }
}

fn model(usage: &ModelUsage) -> Usage {
    Usage {
        input_tokens: usage.input_tokens.saturating_add(usage.cache_creation_input_tokens),
        output_tokens: usage.output_tokens,
        cached_tokens: usage.cache_read_input_tokens,
        cost_micro_usd: micro_usd(usage.cost_usd),
    }
}

fn micro_usd(usd: f64) -> u64 {
    // A float cast saturates, so a wild number does no harm.
    (usd * 1e6).round() as u64
}

fn add(a: Usage, b: Usage) -> Usage {
    Usage {
        input_tokens: a.input_tokens.saturating_add(b.input_tokens),
        output_tokens: a.output_tokens.saturating_add(b.output_tokens),
        cached_tokens: a.cached_tokens.saturating_add(b.cached_tokens),
        cost_micro_usd: a.cost_micro_usd.saturating_add(b.cost_micro_usd),
    }
}

fn subtract(a: Usage, b: Usage) -> Usage {
    Usage {
        input_tokens: a.input_tokens.saturating_sub(b.input_tokens),
        output_tokens: a.output_tokens.saturating_sub(b.output_tokens),
        cached_tokens: a.cached_tokens.saturating_sub(b.cached_tokens),
        cost_micro_usd: a.cost_micro_usd.saturating_sub(b.cost_micro_usd),
    }
}
