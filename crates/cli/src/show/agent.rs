//! `agents`, `agent show` and `approvals list`.

use callboard_api::agent::{Agent, AgentDetail, Approval, Usage};

use crate::show::look::{Look, Tone, tone};
use crate::show::table::{Table, plain, state};
use crate::show::text::{bytes, commit, count, line, lines, or_dash, time};

/// `agents`.
#[must_use]
pub fn agents(agents: &[Agent], look: Look) -> String {
    if agents.is_empty() {
        return "no agents yet; they come with work: callboard submit \"TEXT\"\n".to_owned();
    }
    let mut table =
        Table::new(["AGENT", "STATE", "ROLE", "RUNTIME", "NODE", "TASK", "RESTARTS", "SAYS"]);
    for agent in agents {
        table.row([
            plain(&agent.id),
            state(&agent.state),
            plain(&agent.role),
            plain(&agent.runtime),
            plain(or_dash(agent.node.as_deref())),
            plain(or_dash(agent.task.as_deref())),
            plain(agent.restarts.to_string()),
            plain(agent.reason.as_deref().unwrap_or_default()),
        ]);
    }
    table.show(look)
}

/// `agent show`.
#[must_use]
pub fn detail(detail: &AgentDetail, look: Look) -> String {
    let AgentDetail {
        agent,
        model,
        session,
        checkpoint,
        progress,
        usage,
        messages_waiting,
        approvals: waiting,
        active_at,
    } = detail;
    let mut shown = format!("{}  {}\n", look.paint(Tone::Strong, &agent.id), line(&agent.role));
    let mut field = |name: &str, value: String| {
        shown.push_str(&format!("{}{value}\n", look.paint(Tone::Dim, &format!("{name:<12}"))));
    };
    field("state", look.paint(tone(&agent.state), &agent.state));
    if let Some(reason) = &agent.reason {
        field("reason", line(reason));
    }
    field("project", or_dash(agent.project.as_deref()));
    field("task", or_dash(agent.task.as_deref()));
    let node = or_dash(agent.node.as_deref());
    let pid = agent.pid.map(|pid| format!(", process {pid}")).unwrap_or_default();
    field("node", format!("{node} (epoch {}){pid}, {}", agent.epoch, restarts(agent.restarts)));
    let model = model.as_deref().map(|it| format!(", model {}", line(it))).unwrap_or_default();
    field("runtime", format!("{}{model}", agent.runtime));
    if let Some(session) = session {
        field("session", line(session));
    }
    if let Some(it) = checkpoint {
        let (size, at) = (bytes(it.bytes), time(it.at));
        field("checkpoint", format!("{} {} ({size}, {at})", it.seq, commit(&it.commit)));
    }
    if let Some(progress) = progress {
        field("progress", line(progress));
    }
    field("usage", spent(*usage));
    if *messages_waiting > 0 {
        field("inbox", format!("{} waiting", count(*messages_waiting, "message")));
    }
    if let Some(at) = active_at {
        field("active", time(*at));
    }
    if !waiting.is_empty() {
        shown.push_str(&format!("\n{}", approvals(waiting, look)));
    }
    shown
}

fn restarts(n: u32) -> String {
    count(u64::from(n), "restart")
}

/// Tokens and cost in one line.
#[must_use]
pub fn spent(usage: Usage) -> String {
    let Usage { input_tokens, output_tokens, cached_tokens, cost_micro_usd } = usage;
    let (dollars, cents) = (cost_micro_usd / 1_000_000, cost_micro_usd % 1_000_000 / 10_000);
    format!(
        "{input_tokens} tokens read ({cached_tokens} from the cache), {output_tokens} written, \
         {dollars}.{cents:02} USD"
    )
}

/// `approvals list`: everything that a person must see to decide.
#[must_use]
pub fn approvals(approvals: &[Approval], look: Look) -> String {
    if approvals.is_empty() {
        return "nothing waits for you\n".to_owned();
    }
    let mut shown = String::new();
    for approval in approvals {
        let Approval { id, agent, project, tool, command, files, folder, description, at } =
            approval;
        let of = project.as_ref().map(|it| format!(" of {it}")).unwrap_or_default();
        shown.push_str(&format!(
            "{}  {agent}{of} asks to use {} ({})\n",
            look.paint(Tone::Warn, id),
            line(tool),
            time(*at)
        ));
        if let Some(command) = command {
            // Whole, with its line ends: what is not seen must not be approved.
            let rows: Vec<_> = command.lines().map(visible).collect();
            shown.push_str(&format!("  command  {}\n", rows.join("\n           ")));
        }
        if !files.is_empty() {
            let files: Vec<_> = files.iter().map(|it| visible(it)).collect();
            shown.push_str(&format!("  files    {}\n", files.join(" ")));
        }
        shown.push_str(&format!("  folder   {}\n", visible(folder)));
        if !description.trim().is_empty() {
            let words = lines(description.trim());
            shown.push_str(&format!("  says     {}\n", words.replace('\n', "\n           ")));
        }
        shown.push_str(&format!("  answer   callboard approvals approve {id}\n"));
        shown.push_str(&format!("           callboard approvals deny {id} --reason \"…\"\n"));
    }
    shown
}

/// The text with its control and invisible characters spelled out.
fn visible(text: &str) -> String {
    let spelled = |c: char| {
        let hidden = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        if hidden { c.escape_unicode().to_string() } else { c.to_string() }
    };
    text.chars().map(spelled).collect()
}
