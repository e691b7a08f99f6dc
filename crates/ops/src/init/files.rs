//! The texts of callboard.toml and of the secrets file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::answers::{Answers, Key};

/// The text of callboard.toml.
pub(super) fn config(answers: &Answers) -> String {
    let Answers { runtime, check, agents_max, key: _ } = answers;
    let programs = match runtime {
        Some(name) => format!("default = {}\n", quoted(name)),
        None => "# default = \"claude\"\n".to_owned(),
    };
    let check = match check {
        Some(command) => format!("check = {}\n", quoted(command)),
        None => "# check = \"make test\"\n".to_owned(),
    };
    format!(
        "# Callboard in this repository. All keys, with what is in force: callboard config show\n\
         \n\
         [programs]\n\
         # Drives the agents of tasks that name no runtime.\n\
         {programs}\
         \n\
         [project]\n\
         # Must pass before a task counts as done.\n\
         {check}\
         # How many agents may work at once.\n\
         agents_max = {agents_max}\n"
    )
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The secrets file's shape.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Secrets {
    #[serde(default)]
    env: BTreeMap<String, BTreeMap<String, String>>,
}

/// The text of the secrets file with one credential more; `None` where the file has another shape.
pub(super) fn secrets(before: &str, runtime: &str, key: &Key) -> Option<String> {
    let mut secrets: Secrets = toml::from_str(before).ok()?;
    secrets.env.entry(runtime.to_owned()).or_default().insert(key.name.clone(), key.value.clone());
    let text = toml::to_string(&secrets).ok()?;
    Some(format!(
        "# Credentials of agent programs, for this user alone. Written by callboard init.\n\n{text}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_become_a_configuration() {
        let answers = Answers {
            runtime: Some("claude".to_owned()),
            check: Some("sh -c \"make test\"".to_owned()),
            agents_max: 3,
            key: None,
        };
        let read: toml::Table = toml::from_str(&config(&answers)).expect("it is TOML");
        assert_eq!(read["programs"]["default"].as_str(), Some("claude"));
        assert_eq!(read["project"]["check"].as_str(), Some("sh -c \"make test\""));
        assert_eq!(read["project"]["agents_max"].as_integer(), Some(3));
    }

    #[test]
    fn what_is_not_known_is_a_comment() {
        let read: toml::Table =
            toml::from_str(&config(&Answers { agents_max: 2, ..Answers::default() }))
                .expect("TOML");
        assert!(read["programs"].as_table().expect("a table").is_empty());
        assert!(read["project"].get("check").is_none());
    }

    #[test]
    fn a_secret_is_added_and_others_are_kept() {
        let key = |name: &str, value: &str| Key { name: name.to_owned(), value: value.to_owned() };
        let one = secrets("", "claude", &key("ANTHROPIC_API_KEY", "a\"b")).expect("written");
        let two = secrets(&one, "other", &key("OTHER", "c")).expect("written");
        let read: Secrets = toml::from_str(&two).expect("TOML");
        assert_eq!(read.env["claude"]["ANTHROPIC_API_KEY"], "a\"b");
        assert_eq!(read.env["other"]["OTHER"], "c");
        assert!(secrets("no = [", "claude", &key("A", "b")).is_none());
    }
}
