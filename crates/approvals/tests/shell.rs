//! Promise P9 against real shells and against inserted characters.

use callboard_approvals::command::words;
use callboard_approvals::{Policy, Request};
use proptest::prelude::*;
use serde::Deserialize;

const POLICY: &str = "[commands.any]\nallow = [\"cargo test *\", \"git log *\", \"ls *\"]\n";

fn is_allowed(command: &str) -> bool {
    let policy = Policy::parse(POLICY).expect("a good policy");
    let request =
        Request { tool: "Bash", command: Some(command), files: &[], folder: ".", workspace: "/w" };
    policy.decide(&request).is_allow()
}

#[derive(Deserialize)]
struct Case {
    cmd: String,
    bash_argv: Vec<Vec<String>>,
}

/// Strings that are hard to read, each with the words that bash 5.2 really executed.
#[test]
fn accepted_strings_run_as_read_in_bash() {
    let mut n_accepted = 0;
    for line in include_str!("fixtures/tricky_shell.jsonl").lines() {
        let case: Case = serde_json::from_str(line).expect("a good fixture");
        if let Ok(words) = words(&case.cmd) {
            // bash itself is no missing program, so the recorder did not see it start.
            if words[0] == "bash" {
                continue;
            }
            n_accepted += 1;
            assert_eq!(case.bash_argv, [words], "{}", case.cmd);
        }
    }
    assert!(n_accepted > 0, "the fixture has plain commands, too");
}

#[test]
fn no_tricky_string_with_a_second_command_is_allowed() {
    for line in include_str!("fixtures/tricky_shell.jsonl").lines() {
        let case: Case = serde_json::from_str(line).expect("a good fixture");
        let runs_rm = case.bash_argv.iter().any(|argv| argv.first().is_some_and(|p| p == "rm"));
        assert!(!(runs_rm && is_allowed(&case.cmd)), "{}", case.cmd);
    }
}

fn plain_command() -> impl Strategy<Value = String> {
    let head = prop::sample::select(vec!["cargo test", "git log", "ls"]);
    let word = "[A-Za-z0-9_.][A-Za-z0-9_./,:@%+=-]{0,10}";
    (head, prop::collection::vec(word, 0..5))
        .prop_map(|(head, words)| [vec![head.to_owned()], words].concat().join(" "))
}

fn metacharacter() -> impl Strategy<Value = String> {
    let known = vec![
        ";", "|", "&", "<", ">", "$", "`", "(", ")", "{", "}", "\n", "*", "?", "[", "]", "~", "!",
        "#", "\\", "^", "\t", "\r", "\0", "'", "\"", "\u{a0}", "\u{2028}", "\u{85}",
    ];
    prop_oneof![
        4 => prop::sample::select(known).prop_map(str::to_owned),
        1 => any::<char>()
            .prop_filter("a character of no plain word", |c| !c.is_ascii_graphic() && *c != ' ')
            .prop_map(|c| c.to_string()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn plain_commands_are_allowed(command in plain_command()) {
        prop_assert!(is_allowed(&command), "{command:?}");
    }

    #[test]
    fn inserted_metacharacter_never_stays_allowed(
        command in plain_command(),
        inserted in metacharacter(),
        place in any::<prop::sample::Index>(),
    ) {
        let at = place.index(command.len() + 1);
        let changed = format!("{}{inserted}{}", &command[..at], &command[at..]);
        prop_assert!(!is_allowed(&changed), "{changed:?}");
    }

    #[test]
    fn prefixed_assignment_or_wrapper_never_stays_allowed(
        command in plain_command(),
        prefix in prop::sample::select(vec![
            "A=1", "env", "sudo", "xargs", "time", "exec", "eval", "command", "nohup", "sh -c", ".",
            "bash -c", "timeout 5", "git -c", "!", "coproc", "/usr/bin/env", "LD_PRELOAD=./x",
        ]),
    ) {
        let changed = format!("{prefix} {command}");
        prop_assert!(!is_allowed(&changed), "{changed:?}");
    }

    #[test]
    fn quoted_words_are_read_back(arguments in prop::collection::vec("[^'\\p{Cc}]{0,12}", 0..6)) {
        let quoted: Vec<String> = arguments.iter().map(|word| format!("'{word}'")).collect();
        let command = format!("ls {}", quoted.join(" "));
        let read = words(&command).expect("clear");
        prop_assert_eq!(&read[1..], &arguments[..]);
    }

    #[test]
    fn any_text_is_decided(text in any::<String>()) {
        let _ = is_allowed(&text);
        let _ = Policy::parse(&text);
    }
}
