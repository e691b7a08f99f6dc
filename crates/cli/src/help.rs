//! Help texts: the front page, and examples for every command.

/// The front page. A test holds it to the commands that exist.
pub(crate) const TOP: &str = "\
Runs fleets of AI coding agents: from a goal to accepted work, with nothing lost.

Usage: callboard <COMMAND> [OPTIONS]

First steps:
  demo         Watch a team of scripted agents build a small application
  init         Set this repository up: agent programs, keys and the check command
  submit       Hand in a task, or a goal to be split into tasks
  status       Show nodes, tasks and agents at a glance
  project      Show a project, review its result, accept or discard it

Work:
  run          Work off a plan file, or the queue of this repository
  projects     List the projects
  tasks        List the tasks
  task         Show, cancel or retry a task
  approvals    List and answer the permission requests that wait for you

Agents:
  agents       List the agents
  agent        Show, make or stop an agent, or read what it printed
  message      Send a message to an agent, a project or the orchestrator
  receipt      Show what became of a message
  placement    Say why an agent is where it is
  stop         Stop the whole fleet (--all)
  resume       Let the fleet work again

The node of this machine:
  up           Start it (submit and run do so by themselves)
  down         Stop it; what is under way goes on at the next start
  nodes        List the nodes with their load
  events       Show the events of the log
  cleanup      Remove workspaces and processes that are no longer needed
  doctor       Check this machine and say what to do
  config       Show the configuration in force
  completions  Print the completion script of a shell

Global options:
      --json               Print data as JSON
      --server <URL>       The address of a node, in place of this machine's
      --token-file <FILE>  The file with the token of that node
      --data-dir <DIR>     The data folder of this machine's node
  -h, --help               Print help; `callboard COMMAND --help` has examples
  -V, --version            Print the version

Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 not found, 4 refused,
            5 no node reachable, 6 timed out
";

pub(crate) const INIT: &str = "\
Writes ./callboard.toml, and keys to secrets.toml in the data folder (readable by you alone).

Examples:
  callboard init
  callboard init --yes --runtime claude --check \"cargo test\"
  callboard init --yes --force      replace a callboard.toml that is there";

pub(crate) const DEMO: &str = "\
Runs on a node and a repository of its own: nothing of yours is touched. The folder with the result
stays, and the last line says how to remove it.

Examples:
  callboard demo
  callboard demo --dir /tmp/demo    in a folder of your choice
  callboard demo --runtime claude   the real program (costs tokens)
  callboard demo --json             one object at the end, for scripts";

pub(crate) const DOCTOR: &str = "\
Exits 1 where it finds a problem; warnings alone exit 0.

Examples:
  callboard doctor
  callboard doctor --verify-log
  callboard doctor --json";

pub(crate) const CONFIG_SHOW: &str = "\
Read in this order, the later wins: /etc/callboard/callboard.toml, ./callboard.toml, --config,
CALLBOARD__SECTION__KEY. Keys of programs are never printed.

Examples:
  callboard config show
  CALLBOARD__GATEWAY__LISTEN=127.0.0.1:7200 callboard config show --json";

pub(crate) const COMPLETIONS: &str = "\
Examples:
  callboard completions bash > ~/.local/share/bash-completion/completions/callboard
  callboard completions zsh > ~/.zfunc/_callboard
  callboard completions fish > ~/.config/fish/completions/callboard.fish";

pub(crate) const UP: &str = "\
One node per user and machine. In the foreground it logs to standard error; Ctrl-C stops it in
order, a second Ctrl-C at once. With -d it logs to node.log in the data folder.

Examples:
  callboard up -d
  callboard up --name desk --listen 127.0.0.1:7200 --label zone=home
  callboard up -d --data-dir /srv/callboard";

pub(crate) const DOWN: &str = "\
Agents are stopped at a checkpoint and go on when the node starts again.

Examples:
  callboard down";

pub(crate) const STATUS: &str = "\
Examples:
  callboard status
  callboard status --json";

pub(crate) const NODES: &str = "\
Examples:
  callboard nodes
  callboard nodes --json";

pub(crate) const PLACEMENT_EXPLAIN: &str = "\
Examples:
  callboard placement explain shop-2";

pub(crate) const SUBMIT: &str = "\
Starts the node of this machine in the background where none runs.

Examples:
  callboard submit \"Fix the date parser and add tests for leap years\"
  callboard submit \"Add a search page\" --check \"npm test\" --priority high --wait
  callboard submit \"Build the billing service: API, storage, tests\" --decompose --wait
  callboard submit \"Write the release notes\" --depends-on t-3 --role writer";

pub(crate) const RUN: &str = "\
Starts the node of this machine in the background where none runs.

Examples:
  callboard run plan.toml --max-agents 4 --wait
  callboard run --wait              work off what was submitted for this repository";

pub(crate) const PROJECTS: &str = "\
Examples:
  callboard projects
  callboard projects --json";

pub(crate) const PROJECT_SHOW: &str = "\
Examples:
  callboard project show shop";

pub(crate) const PROJECT_STOP: &str = "\
Examples:
  callboard project stop shop --reason \"wrong branch\"";

pub(crate) const PROJECT_START: &str = "\
Examples:
  callboard project start shop";

pub(crate) const PROJECT_ARCHIVE: &str = "\
Examples:
  callboard project archive shop";

pub(crate) const PROJECT_DIFF: &str = "\
Examples:
  callboard project diff shop
  callboard project diff shop | less -R";

pub(crate) const PROJECT_ACCEPT: &str = "\
Exits 4 where the merge would conflict or your branch has changes that are not committed.

Examples:
  callboard project accept shop
  callboard project accept shop --into release";

pub(crate) const PROJECT_DISCARD: &str = "\
Examples:
  callboard project discard shop";

pub(crate) const TASKS: &str = "\
Examples:
  callboard tasks
  callboard tasks --project shop --json";

pub(crate) const TASK_SHOW: &str = "\
Examples:
  callboard task show t-3";

pub(crate) const TASK_CANCEL: &str = "\
Examples:
  callboard task cancel t-3";

pub(crate) const TASK_RETRY: &str = "\
Examples:
  callboard task retry t-3";

pub(crate) const AGENTS: &str = "\
Examples:
  callboard agents
  callboard agents --project shop --json";

pub(crate) const AGENT_SHOW: &str = "\
Examples:
  callboard agent show shop-2";

pub(crate) const AGENT_CREATE: &str = "\
Examples:
  callboard agent create helper --role reviewer --runtime claude
  callboard message agent/helper \"Which files have no tests?\" --wait";

pub(crate) const AGENT_STOP: &str = "\
Examples:
  callboard agent stop shop-2 --reason \"runs in circles\"";

pub(crate) const AGENT_START: &str = "\
Examples:
  callboard agent start shop-2";

pub(crate) const AGENT_ARCHIVE: &str = "\
Examples:
  callboard agent archive helper";

pub(crate) const AGENT_LOGS: &str = "\
Examples:
  callboard agent logs shop-2
  callboard agent logs shop-2 -f";

pub(crate) const APPROVALS_LIST: &str = "\
Examples:
  callboard approvals list
  callboard approvals list --json";

pub(crate) const APPROVALS_APPROVE: &str = "\
Examples:
  callboard approvals approve a-17";

pub(crate) const APPROVALS_DENY: &str = "\
Examples:
  callboard approvals deny a-17 --reason \"never push by yourself\"";

pub(crate) const MESSAGE: &str = "\
Examples:
  callboard message agent/shop-2 \"Please keep the old API working\"
  callboard message project/shop \"What is left?\" --wait --timeout 60";

pub(crate) const RECEIPT: &str = "\
Examples:
  callboard receipt 0197c1de-7a63-7cc1-9d51-0a8f1a3c5e10";

pub(crate) const EVENTS: &str = "\
With --json every line is one object.

Examples:
  callboard events
  callboard events --follow --from 1200
  callboard events --follow --json | jq -r .type";

pub(crate) const STOP: &str = "\
Agents are stopped with their process trees; tasks wait. A single one is stopped by
`callboard agent stop` or `callboard project stop`.

Examples:
  callboard stop --all --reason \"out of budget\"";

pub(crate) const RESUME: &str = "\
Examples:
  callboard resume";

pub(crate) const CLEANUP: &str = "\
What was not merged is kept in hidden refs, which it names.

Examples:
  callboard cleanup";
