//! What can be typed: a table, the help of every command, and the front page.

use callboard_cli::Cli;
use callboard_cli::args::{Command, Local, Remote};
use clap::Parser;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split(' ').map(|word| word.trim_matches('\'')))
}

#[test]
fn every_line_of_the_manual_is_understood() {
    let lines = "\
callboard init
callboard init --yes --force
callboard up
callboard up -d --name n --listen 127.0.0.1:0 --data-dir /d --label a=b --label c=d --config f
callboard down
callboard status --json
callboard --json status
callboard nodes
callboard placement explain a
callboard submit text
callboard submit text --project p --repo . --role r --runtime x --priority high --check c
callboard submit text --depends-on t-1 --depends-on t-2 --decompose --wait --timeout 5 --no-start
callboard run
callboard run --max-agents 3
callboard run plan.toml --max-agents 3 --wait --no-start
callboard projects
callboard project show p
callboard project stop p --reason r
callboard project start p
callboard project archive p
callboard project diff p
callboard project accept p --into main
callboard project discard p
callboard tasks --project p
callboard task show t
callboard task cancel t
callboard task retry t
callboard agents
callboard agent show a
callboard agent create a --role r --runtime x --model m
callboard agent stop a
callboard agent start a
callboard agent archive a
callboard agent logs a -f
callboard approvals list
callboard approvals approve i
callboard approvals deny i --reason r
callboard message agent/a text --wait --timeout 3
callboard receipt i
callboard events --follow --from 7
callboard stop --all
callboard resume
callboard cleanup
callboard doctor --verify-log
callboard config show
callboard completions fish
callboard demo --runtime claude --json --nodes 1 --keep --dir d
callboard status --server http://h --token-file f";
    for line in lines.lines() {
        parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn wrong_lines_are_wrong_usage() {
    let lines = "\
callboard
callboard submit
callboard submit text --priority urgent
callboard submit text --timeout 5
callboard run plan.toml --max-agents 0
callboard stop
callboard up --label nothing
callboard status --server http://h
callboard demo --nodes 2
callboard completions tcsh";
    for line in lines.lines() {
        let error = parse(line).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn agent_is_another_word_for_role() {
    let cli = parse("callboard submit text --agent reviewer").expect("understood");
    let Command::Remote(Remote::Submit(args)) = cli.command else { panic!("it is submit") };
    assert_eq!(args.role.as_deref(), Some("reviewer"));
}

#[test]
fn labels_are_pairs() {
    let cli = parse("callboard up --label zone=a=b").expect("understood");
    let Command::Local(Local::Up(args)) = cli.command else { panic!("it is up") };
    assert_eq!(args.labels, [("zone".to_owned(), "a=b".to_owned())]);
}

#[test]
fn the_front_page_names_every_command() {
    let page = Cli::whole().render_help().to_string();
    for command in Cli::whole().get_subcommands().filter(|it| !it.is_hide_set()) {
        let line = format!("\n  {:<13}", command.get_name());
        assert!(page.contains(&line), "{} is not on the front page", command.get_name());
    }
    insta::assert_snapshot!(page);
}

/// Every command without commands of its own, with its path.
fn leaves(command: &clap::Command, path: &str, found: &mut Vec<(String, clap::Command)>) {
    let path = format!("{path} {}", command.get_name()).trim().to_owned();
    if !command.has_subcommands() {
        found.push((path, command.clone()));
        return;
    }
    for below in command.get_subcommands() {
        leaves(below, &path, found);
    }
}

#[test]
fn every_help_has_an_example_that_can_be_typed() {
    let mut found = Vec::new();
    leaves(&Cli::whole(), "", &mut found);
    assert!(found.len() > 35, "{}", found.len());
    for (path, command) in found {
        let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(examples.contains("Examples:"), "{path} has no examples");
        assert!(examples.contains(&format!("  {path}")), "{path} is not in its examples");
    }
}

#[test]
fn help_of_submit() {
    let mut command = Cli::whole();
    command.build();
    let submit = command.find_subcommand_mut("submit").expect("there is one");
    insta::assert_snapshot!(submit.render_help());
}
