//! `status`, `nodes` and `placement explain`.

use callboard_api::status::{Explanation, Leader, Node, Status, TaskCounts};

use crate::show::look::{Look, Tone, tone};
use crate::show::table::{Table, plain, state};
use crate::show::text::{bytes, count, line, time};

/// `status`.
#[must_use]
pub fn status(status: &Status, look: Look) -> String {
    let Status {
        cluster,
        version,
        substrate,
        nodes: node_list,
        leaders,
        fleet_stopped,
        projects,
        tasks,
        agents,
        approvals,
        alerts,
    } = status;
    let mut shown = format!(
        "cluster {} · callboard {version} · {substrate}\n",
        look.paint(Tone::Strong, cluster)
    );
    if let Some(reason) = fleet_stopped {
        let text = format!("the fleet is stopped: {}", line(reason));
        shown.push_str(&format!(
            "{}; let it work by: callboard resume\n",
            look.paint(Tone::Warn, &text)
        ));
    }
    shown.push_str(&format!(
        "orchestrator {} · placement {}\n\n",
        leader(leaders.orchestrator.as_ref()),
        leader(leaders.placement.as_ref()),
    ));
    shown.push_str(&nodes(node_list, look));
    shown.push_str(&format!("\nprojects  {projects} open\n"));
    shown.push_str(&format!("tasks     {}\n", counts(tasks)));
    let by_state: Vec<_> = agents
        .iter()
        .filter(|(_, n)| **n > 0)
        .map(|(state, n)| look.paint(tone(state), &format!("{n} {state}")))
        .collect();
    let by_state = if by_state.is_empty() { "none".to_owned() } else { by_state.join(" · ") };
    shown.push_str(&format!("agents    {by_state}\n"));
    if *approvals > 0 {
        let text = format!("{} for you", count(*approvals, "permission request"));
        shown.push_str(&format!(
            "waiting   {}: callboard approvals list\n",
            look.paint(Tone::Warn, &text)
        ));
    }
    for alert in alerts {
        shown.push_str(&format!(
            "{}     {} {}: {}\n",
            look.paint(Tone::Bad, "alert"),
            time(alert.at),
            line(&alert.subject),
            line(&alert.text),
        ));
    }
    shown
}

fn leader(leader: Option<&Leader>) -> String {
    match leader {
        Some(Leader { node, epoch }) => format!("on {node} (epoch {epoch})"),
        None => "nowhere yet".to_owned(),
    }
}

/// How many tasks are in each state, without those in which none is.
#[must_use]
pub fn counts(tasks: &TaskCounts) -> String {
    let TaskCounts { pending, ready, running, done, failed, cancelled } = *tasks;
    let all = [
        (done, "done"),
        (running, "running"),
        (ready, "ready"),
        (pending, "pending"),
        (failed, "failed"),
        (cancelled, "cancelled"),
    ];
    let shown: Vec<_> =
        all.iter().filter(|(n, _)| *n > 0).map(|(n, name)| format!("{n} {name}")).collect();
    if shown.is_empty() { "none".to_owned() } else { shown.join(" · ") }
}

/// `nodes`.
#[must_use]
pub fn nodes(nodes: &[Node], look: Look) -> String {
    if nodes.is_empty() {
        return "no nodes yet\n".to_owned();
    }
    let mut table =
        Table::new(["NODE", "STATE", "CPU", "MEMORY FREE", "AGENTS", "RUNTIMES", "LABELS"]);
    for node in nodes {
        let labels: Vec<_> =
            node.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        table.row([
            plain(&node.name),
            state(&node.state),
            plain(format!("{:.0}% of {}", node.cpu_used_pct, node.cpu_count)),
            plain(format!(
                "{} of {}",
                bytes(node.memory_available_bytes),
                bytes(node.memory_total_bytes)
            )),
            plain(node.agents.to_string()),
            plain(node.runtimes.join(",")),
            plain(labels.join(",")),
        ]);
    }
    table.show(look)
}

/// `placement explain`.
#[must_use]
pub fn explanation(explanation: &Explanation, look: Look) -> String {
    let Explanation { agent, state, node, summary, reasons } = explanation;
    let place = node.as_ref().map(|node| format!(" on {node}")).unwrap_or_default();
    let mut shown =
        format!("{agent}: {}{place}\n{}\n", look.paint(tone(state), state), line(summary));
    for reason in reasons {
        shown.push_str(&format!("  {}\n", line(reason)));
    }
    shown
}
