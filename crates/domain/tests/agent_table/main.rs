//! The agent's decisions as tables: what it was told, and what is seen of it then.

mod scene;

use scene::{answers, check, delay, phase, prompt, receipts, report, resumes, seat};

#[test]
fn commands_and_facts_lead_to_these_phases() {
    for (script, expected) in [
        ("create", "idle"),
        ("create create", "idle"),
        ("create task", "starting"),
        ("create task launched", "starting"),
        ("create task ready", "working"),
        ("create task ready begin", "working"),
        ("create task ready begin end", "idle"),
        ("create task ready begin end published", "idle"),
        ("create task ready begin fail", "idle"),
        ("create task ready end", "idle"),
        ("create message", "starting"),
        ("create message ready", "working"),
        ("create message ready begin end", "idle"),
        // A repeated order changes nothing.
        ("create task ready task", "working"),
        // Another incarnation starts the program again.
        ("create moved", "idle"),
        ("create task ready begin moved", "starting"),
        ("create task ready begin moved ready", "working"),
        // The task is taken away.
        ("create task cancel", "starting"),
        ("create task cancel ready", "idle"),
        ("create task ready begin cancel", "working"),
        ("create task ready begin ask cancel", "working"),
        ("create task ready begin cancel end", "idle"),
        ("create task ready begin cancel overdue", "starting"),
    ] {
        check(script, phase, expected);
    }
}

#[test]
fn permission_requests_hold_the_turn_until_all_are_closed() {
    for (script, expected) in [
        ("create task ready begin ask", "awaiting-approval"),
        ("create task ready begin ask allow", "working"),
        ("create task ready begin ask deny", "working"),
        ("create task ready begin ask withdrawn", "working"),
        ("create task ready begin ask withdrawn:9", "awaiting-approval"),
        ("create task ready begin ask:1 ask:2 allow:2", "awaiting-approval"),
        ("create task ready begin ask:1 ask:2 allow:2 withdrawn:1", "working"),
        ("create task ready begin ask_allowed", "working"),
        ("create task ready begin ask_denied", "working"),
        ("create task ready begin ask end", "idle"),
        ("create task ready begin ask lost", "starting"),
        (
            "create task ready begin ask allow allow",
            "failed to answer approval 00000000-0000-0000-0000-000000000000: it is not open (answered, cancelled or unknown)",
        ),
    ] {
        check(script, phase, expected);
    }
    for (script, expected) in [
        ("create task ready begin ask", ""),
        ("create task ready begin ask ask", ""),
        ("create task ready begin ask allow", "1 true as asked"),
        ("create task ready begin ask deny", "1 false as asked"),
        ("create task ready begin ask withdrawn", ""),
        ("create task ready begin ask_allowed", "1 true"),
        ("create task ready begin ask_denied", "1 false the policy forbids it: rm"),
        (
            "create task ready begin ask:1 ask:2 ask:3",
            "3 false too many permission requests are open",
        ),
        ("create task ask", "1 false no turn runs that could need it"),
        ("create task ready begin ask allow lost", ""),
    ] {
        check(script, answers, expected);
    }
}

#[test]
fn lost_program_is_started_again_or_given_up() {
    for (script, expected) in [
        ("create task lost", "starting"),
        ("create task lost restart", "starting"),
        ("create task lost restart ready", "working"),
        ("create task ready prompt_failed", "starting"),
        ("create task start_overdue", "starting"),
        ("create task broken", "failed"),
        ("create task broken start", "idle"),
        ("create task broken task:2", "failed to assign the task: the agent is failed: it broke"),
        ("create task lost restart lost restart lost restart lost", "starting"),
        ("create task lost restart lost restart lost restart lost restart lost", "quarantined"),
        // Losses that are long ago do not count.
        (
            "create task lost restart lost restart lost restart lost wait:601 restart lost",
            "starting",
        ),
        ("create task lost restart lost restart lost restart lost restart lost start", "idle"),
        // Words of a program that is gone, or never was.
        ("create lost", "idle"),
        ("create task lost restart old_ready", "starting"),
        ("create task lost lost", "starting"),
        ("create restart", "idle"),
    ] {
        check(script, phase, expected);
    }
    for (script, expected) in [
        ("create task lost", "0"),
        ("create task lost restart lost", "1000"),
        ("create task lost restart lost restart lost", "5000"),
        ("create task lost restart lost restart lost restart lost", "5000"),
        ("create task lost restart lost restart lost restart lost restart lost", "never"),
        ("create task lost wait:601 restart lost", "0"),
        ("create task broken", "never"),
        ("create task lost restart", "never"),
        ("create task lost stop", "never"),
    ] {
        check(script, delay, expected);
    }
}

#[test]
fn stopped_agent_goes_on_when_the_same_hand_starts_it() {
    for (script, expected) in [
        ("create stop", "stopped"),
        ("create stop start", "idle"),
        ("create stop task", "failed to assign the task: the agent is stopped: by anna"),
        ("create task ready begin stop", "stopped"),
        ("create task ready begin stop start", "idle"),
        ("create task ready begin stop lost", "stopped"),
        ("create task ready begin fleet_stop", "stopped"),
        ("create task ready begin fleet_stop fleet_start", "starting"),
        ("create task ready begin fleet_stop start", "starting"),
        ("create fleet_stop task", "stopped"),
        ("create fleet_stop task fleet_start", "starting"),
        ("create fleet_stop message fleet_start", "starting"),
        // The switch leaves alone what a person stopped, or what failed.
        ("create stop fleet_start", "stopped"),
        ("create stop fleet_stop fleet_start", "stopped"),
        ("create fleet_stop stop fleet_start", "stopped"),
        ("create task broken fleet_stop", "failed"),
        ("create task broken fleet_start", "failed"),
        ("create task ready start", "working"),
    ] {
        check(script, phase, expected);
    }
}

#[test]
fn archived_agent_only_finishes_what_it_owes() {
    let refused = "failed to change the agent: it is archived";
    for (script, expected) in [
        ("create archive", "archived"),
        ("create task ready begin archive", "archived"),
        ("create archive archive", "archived"),
        ("create archive stop", "archived"),
        ("create archive fleet_start", "archived"),
        ("create archive moved", "archived"),
        ("create archive task", refused),
        ("create archive message", refused),
        ("create archive allow", refused),
        ("create archive start", refused),
        ("task", "failed to reach the agent: it was never created"),
    ] {
        check(script, phase, expected);
    }
    check("create task archive", report, "failed: the agent was archived");
    check(
        "create fleet_stop message:1 message:2 archive",
        receipts,
        "accepted dead: the agent was archived; accepted dead: the agent was archived",
    );
    check(
        "create message ready begin archive",
        receipts,
        "accepted routed delivered started dead: the agent was archived",
    );
}

#[test]
fn task_ends_with_a_report_and_late_orders_are_refused() {
    for (script, expected) in [
        ("create task ready begin end", "none"),
        ("create task ready begin end published", "published c1"),
        ("create task ready begin end unpublished", "no commit: I am done"),
        ("create task ready begin published", "none"),
        ("create task ready begin fail", "failed: no key"),
        ("create task broken", "failed: it broke"),
        ("create task stop", "failed: the agent was stopped: by anna"),
        ("create task fleet_stop", "none"),
        ("create task ready overdue", "none"),
        ("create task ready begin overdue", "failed: the turn took longer than 3600 s"),
        ("create task ready begin cancel end", "none"),
        ("create task ready begin lost", "none"),
        ("create task ready begin end published reported", "none"),
        ("create task task:2", "failed to assign the task: the agent works on p-1/1"),
        ("create task:1/2 task:1/1", "failed to assign the task: the agent works on p-1/2"),
        ("create task cancel task", "failed to assign the task: the try p-1/1 is over"),
        ("create cancel task", "failed to assign the task: the try p-1/1 is over"),
        (
            "create task ready begin end published reported task",
            "failed to assign the task: the try p-1/1 is over",
        ),
    ] {
        check(script, report, expected);
    }
}

#[test]
fn project_is_told_when_its_agent_is_free_or_lost() {
    for (script, expected) in [
        ("create", "idle"),
        ("create task", "untold"),
        ("create task ready begin end", "untold"),
        ("create task ready begin end published", "idle"),
        ("create task broken", "lost: it broke"),
        ("create stop", "lost: by anna"),
        ("create stop start", "idle"),
        ("create fleet_stop", "idle"),
        ("create archive", "archived"),
    ] {
        check(script, seat, expected);
    }
}

#[test]
fn program_is_told_its_task_until_a_turn_began_and_then_to_go_on() {
    let new = "Build all of it.";
    let files = "You were interrupted and started again; your files are as you left them.";
    let go_on = format!("{files} Go on with your task: Build it");
    let anew = format!("{files} Look at what is already there, then go on.\n\n{new}");
    let unknown = format!(
        "{files} The outcome of this step is unknown, check whether it took effect: cargo test. \
         Go on with your task: Build it"
    );
    let again = format!("{files} Answer this message: hello 1");
    for (script, expected) in [
        ("create task ready", new),
        ("create task ready begin", "none"),
        ("create task ready lost restart ready", new),
        ("create task ready overdue restart ready", new),
        ("create task ready begin lost restart ready", &go_on),
        ("create task ready begin moved ready", &go_on),
        ("create task ready begin fleet_stop fleet_start ready", &go_on),
        ("create task ready begin forgotten restart ready", &anew),
        ("create task ready begin forgotten restart ready lost restart ready", &anew),
        ("create task ready begin forgotten restart ready begin lost restart ready", &go_on),
        ("create task ready forgotten restart ready", new),
        ("create task ready begin tool lost restart ready", &unknown),
        ("create task ready begin tool tool_end lost restart ready", &go_on),
        ("create message ready", "hello 1"),
        ("create message ready lost restart ready", "hello 1"),
        ("create message ready overdue restart ready", &again),
        ("create message ready begin lost restart ready", &again),
        // What is urgent goes before the task, the rest after it.
        ("create task urgent ready", "hello 1"),
        ("create task message ready", new),
        ("create task message ready begin end", "hello 1"),
    ] {
        check(script, prompt, expected);
    }
}

#[test]
fn same_task_keeps_its_conversation_and_another_begins_anew() {
    for (script, expected) in [
        ("create task", "a new one"),
        ("create task ready begin lost restart", "s-1"),
        ("create task ready begin forgotten restart", "a new one"),
        ("create task ready begin end published reported task:1/2", "s-1"),
        ("create task ready begin end published reported task:2", "a new one"),
    ] {
        check(script, resumes, expected);
    }
}

#[test]
fn messages_are_answered_expire_or_die() {
    for (script, expected) in [
        ("create message", "accepted"),
        ("create message message", "accepted"),
        ("create message ready", "accepted routed"),
        ("create message ready begin", "accepted routed delivered started"),
        ("create message ready begin end", "accepted routed delivered started answered: I am done"),
        (
            "create message ready begin fail",
            "accepted routed delivered started dead: the turn failed: no key",
        ),
        ("create message ready overdue", "accepted routed unconfirmed"),
        (
            "create message ready overdue restart ready begin end",
            "accepted routed unconfirmed delivered started answered: I am done",
        ),
        (
            "create message ready begin overdue",
            "accepted routed delivered started dead: the turn took longer than 3600 s",
        ),
        (
            "create fleet_stop brief_message wait:11 expire",
            "accepted expired: it expired before the agent was free",
        ),
        ("create brief_message ready wait:11 expire", "accepted routed"),
        (
            "create brief_message ready lost wait:11 expire",
            "accepted routed expired: it expired before the agent was free",
        ),
        // What a program had has not expired, however it went on.
        ("create brief_message ready overdue wait:11 expire", "accepted routed unconfirmed"),
        (
            "create brief_message ready begin lost wait:11 expire",
            "accepted routed delivered started",
        ),
        (
            "create message:1 message:2 message:3",
            "failed to accept the message: 2 messages wait already; try again later",
        ),
    ] {
        check(script, receipts, expected);
    }
}
