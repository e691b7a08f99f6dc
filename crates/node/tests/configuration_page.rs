//! The page about the configuration names every key with its default, and no other.

use std::collections::BTreeMap;

use callboard_node::Config;
use serde_json::Value;

const PAGE: &str = include_str!("../../../deploy/docs/configuration.md");

/// What the tables of the page say: the default of each key, as written there.
fn page() -> BTreeMap<String, String> {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| {
        let (key, rest) = row.split_once("` | `")?;
        let (default, _) = rest.split_once("` |")?;
        Some((key.to_owned(), default.to_owned()))
    })
    .collect()
}

/// What the program takes where nothing is configured, written like on the page.
fn defaults(key: &str, value: &Value, all: &mut BTreeMap<String, String>) {
    let text = match value {
        Value::Null => "none".to_owned(),
        Value::Object(fields) => match delays(fields) {
            Some(text) => text,
            None if fields.is_empty() => "{}".to_owned(),
            None => {
                for (name, value) in fields {
                    let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                    defaults(&key, value, all);
                }
                return;
            }
        },
        other => other.to_string(),
    };
    all.insert(key.to_owned(), text);
}

/// A back-off takes one row.
fn delays(fields: &serde_json::Map<String, Value>) -> Option<String> {
    let [min, max, factor, jitter] =
        ["min_ms", "max_ms", "factor", "jitter"].map(|name| fields.get(name));
    Some(format!("{} to {} ms, × {}, ± {}", min?, max?, factor?, jitter?))
}

#[test]
fn page_has_every_key_with_its_default() {
    let mut wanted = BTreeMap::new();
    let cfg = serde_json::to_value(Config::default()).expect("a configuration has a JSON form");
    defaults("", &cfg, &mut wanted);
    assert_eq!(page(), wanted, "mend deploy/docs/configuration.md");
}

#[test]
fn defaults_are_accepted() {
    let cfg = serde_json::to_value(Config::default()).expect("a configuration has a JSON form");
    let read: Config = serde_json::from_value(cfg).expect("what is shown can be read again");
    assert_eq!(read, Config::default());
}
