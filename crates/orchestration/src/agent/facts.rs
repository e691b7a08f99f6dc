//! From what a program says to what its agent is told.

use callboard_agent::Event;
use callboard_agent::event::{PermissionRequest, TurnOutcome};
use callboard_approvals::{Decision, Policy, Request};
use callboard_domain::agent::{SessionFact, Usage, Verdict};

/// The line that people read, if there is one.
pub(crate) fn line(event: &Event) -> Option<String> {
    Some(match event {
        Event::Output { text } => text.clone(),
        Event::ToolStarted { tool, detail, .. } => format!("> {tool}: {detail}"),
        Event::ToolEnded { failed: true, .. } => "> failed".to_owned(),
        Event::Progress { text } => format!("# {text}"),
        Event::PermissionRequested(request) => {
            let what = request.command.clone().unwrap_or_else(|| request.files.join(", "));
            format!("? {} asks for permission: {what}", request.tool)
        }
        Event::RateLimited { text, .. } => format!("! rate limited: {text}"),
        Event::TurnEnded { outcome: TurnOutcome::Failed { reason }, .. } => {
            format!("! the turn failed: {reason}")
        }
        Event::Exited { stderr, .. } if !stderr.is_empty() => format!("! it ended: {stderr}"),
        _ => return None,
    })
}

/// What the agent is told; nothing for words that are only to be read.
pub(crate) fn fact(event: Event, policy: &Policy, workspace: &str) -> Option<SessionFact> {
    Some(match event {
        Event::Ready { session, in_flight } => SessionFact::Ready { session, in_flight },
        Event::TurnStarted { prompt } => SessionFact::TurnStarted { prompt },
        Event::ToolEnded { call, failed } => SessionFact::ToolEnded { detail: call, failed },
        Event::PermissionRequested(request) => permission(request, policy, workspace),
        Event::PermissionCancelled { id } => SessionFact::PermissionCancelled { request: id },
        Event::Progress { text } => SessionFact::Progress { text },
        Event::Usage(usage) => SessionFact::Used(Usage {
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            cached_tokens: usage.cached_tokens,
            cost_micro_usd: usage.cost_micro_usd,
        }),
        Event::RateLimited { text, .. } => SessionFact::Progress { text },
        Event::TurnEnded { prompt, outcome, summary } => {
            let failure = match outcome {
                TurnOutcome::Completed => None,
                TurnOutcome::Failed { reason } => Some(reason),
                TurnOutcome::Interrupted => Some("it was interrupted".to_owned()),
            };
            SessionFact::TurnEnded { prompt, failure, summary }
        }
        Event::Exited { code, signal, stderr } => SessionFact::Lost {
            reason: exit_text(code, signal, &stderr),
            retryable: true,
            session_gone: false,
        },
        Event::ToolStarted { tool, detail, .. } => {
            SessionFact::ToolStarted { detail: format!("{tool}: {detail}") }
        }
        Event::Output { .. } => return None,
    })
}

fn exit_text(code: Option<i32>, signal: Option<i32>, stderr: &str) -> String {
    let how = match (code, signal) {
        (_, Some(signal)) => format!("the program was ended by signal {signal}"),
        (Some(code), None) => format!("the program ended with exit code {code}"),
        (None, None) => "the program is gone".to_owned(),
    };
    if stderr.trim().is_empty() { how } else { format!("{how}: {}", stderr.trim()) }
}

fn permission(request: PermissionRequest, policy: &Policy, workspace: &str) -> SessionFact {
    let decision = policy.decide(&Request {
        tool: &request.tool,
        command: request.command.as_deref(),
        files: &request.files,
        folder: &request.folder,
        workspace,
    });
    let verdict = match decision {
        Decision::Allow { reason: rule } => Verdict::Allow { rule },
        Decision::Deny { reason: rule } => Verdict::Deny { rule },
        Decision::Ask { .. } => Verdict::Ask,
    };
    let PermissionRequest { id, tool, command, files, folder, description } = request;
    SessionFact::PermissionRequested {
        request: id,
        tool,
        command,
        files,
        folder,
        description,
        verdict,
    }
}
