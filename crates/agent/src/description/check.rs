//! Reads descriptions and refuses what cannot work.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use callboard_domain::id::ProgramName;

use super::template;
use super::types::Description;
use super::version::parts;

/// The built-in descriptions, with their file names.
const BUILTIN: &[(&str, &str)] = &[
    ("claude.toml", include_str!("../../../../configs/agents/claude.toml")),
    ("scripted.toml", include_str!("../../../../configs/agents/scripted.toml")),
];

/// Why a description is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not TOML, or a key is unknown, missing or of the wrong type.
    #[error("failed to read the program description {file}: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// Where and why.
        message: String,
    },
    /// A value breaks a rule.
    #[error("failed to accept the program description {file}: {key} is {value:?}, but {rule}")]
    Rule {
        /// The file.
        file: String,
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
}

/// Reads a description; `file` names it in errors.
///
/// # Errors
/// [`Error`] with the key, the value and the rule.
pub fn parse(file: &str, text: &str) -> Result<Description, Error> {
    let description: Description = toml::from_str(text).map_err(|error| {
        let message = error.to_string().trim_end().to_owned();
        Error::Syntax { file: file.to_owned(), message }
    })?;
    match broken_rule(&description) {
        None => Ok(description),
        Some(Broken { key, value, rule }) => {
            Err(Error::Rule { file: file.to_owned(), key, value, rule })
        }
    }
}

/// The built-in descriptions, by name.
#[must_use]
pub fn builtin() -> BTreeMap<ProgramName, Description> {
    let read = |(file, text): &(&str, &str)| {
        parse(file, text).expect("built-in descriptions are checked by a test")
    };
    BUILTIN.iter().map(read).map(|description| (description.name.clone(), description)).collect()
}

struct Broken {
    key: &'static str,
    value: String,
    rule: &'static str,
}

fn broken_rule(description: &Description) -> Option<Broken> {
    let broken = |key, value: &str, rule| Some(Broken { key, value: value.to_owned(), rule });
    if description.command.first().is_none_or(String::is_empty) {
        return broken("command", "", "it must name a program");
    }
    for (key, text) in texts(description) {
        if let Some(name) = template::unknown(text) {
            let rule = "placeholders are {home}, {folder}, {session} and {model}";
            return broken(key, &format!("{{{name}}}"), rule);
        }
    }
    for (key, name) in variables(description) {
        if name.is_empty() || name.contains(['=', '\0']) {
            return broken(key, name, "it must be the name of a variable");
        }
    }
    let seeds = description.preseed.iter().map(|seed| ("preseed.path", &seed.path));
    let files = description.session.files.iter().map(|file| ("session.files", file));
    for (key, path) in seeds.chain(files) {
        if !stays_inside(path) {
            return broken(key, path, "it must be a relative path without '..'");
        }
    }
    if let Some(check) = &description.version
        && parts(&check.tested_min) > parts(&check.tested_max)
    {
        return broken("version.tested_min", &check.tested_min, "it must not exceed tested_max");
    }
    None
}

fn texts(description: &Description) -> impl Iterator<Item = (&'static str, &String)> {
    let launch = &description.launch;
    let args = [
        ("launch.args", &launch.args),
        ("launch.start_args", &launch.start_args),
        ("launch.resume_args", &launch.resume_args),
        ("launch.model_args", &launch.model_args),
        ("launch.permission_args", &launch.permission_args),
        ("launch.bypass_args", &launch.bypass_args),
        ("session.files", &description.session.files),
    ];
    let env = description.env.values().map(|value| ("env", value));
    let bypass_env = launch.bypass_env.values().map(|value| ("launch.bypass_env", value));
    let seeds = description.preseed.iter().map(|seed| ("preseed.text", &seed.text));
    let args = args.into_iter().flat_map(|(key, args)| args.iter().map(move |arg| (key, arg)));
    args.chain(env).chain(bypass_env).chain(seeds)
}

fn variables(description: &Description) -> impl Iterator<Item = (&'static str, &String)> {
    let env = description.env.keys().map(|name| ("env", name));
    let bypass = description.launch.bypass_env.keys().map(|name| ("launch.bypass_env", name));
    let one_of = description.credentials.one_of.iter().map(|it| ("credentials.one_of", it));
    let optional = description.credentials.optional.iter().map(|it| ("credentials.optional", it));
    env.chain(bypass).chain(one_of).chain(optional)
}

fn stays_inside(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|it| matches!(it, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = "name = 'a'\nabout = 'x'\nprotocol = 'stream-json'\ncommand = ['a']\n";

    fn refused(text: &str, words: &str) {
        let error = parse("a.toml", text).expect_err(text).to_string();
        assert!(error.contains("a.toml") && error.contains(words), "{error}");
    }

    #[test]
    fn built_in_descriptions_are_good() {
        for (file, text) in BUILTIN {
            let description = parse(file, text).expect(file);
            assert_eq!(format!("{}.toml", description.name), *file);
        }
        assert_eq!(builtin().len(), BUILTIN.len());
    }

    #[test]
    fn wrong_descriptions_are_refused_with_key_value_and_rule() {
        assert!(parse("a.toml", MINIMAL).is_ok());
        refused("name = 'a'", "about");
        refused(&format!("{MINIMAL}colour = 'red'"), "colour");
        refused(&MINIMAL.replace("stream-json", "telepathy"), "telepathy");
        refused(&MINIMAL.replace("['a']", "[]"), "must name a program");
        refused(&format!("{MINIMAL}[launch]\nargs = ['{{sesion}}']"), "\"{sesion}\"");
        refused(&format!("{MINIMAL}[env]\n'A=B' = 'x'"), "name of a variable");
        let seed = "[[preseed]]\ntext = ''\npath = '../x'";
        refused(&format!("{MINIMAL}{seed}"), "preseed.path is \"../x\"");
        refused(&format!("{MINIMAL}[session]\nfiles = ['/etc/passwd']"), "session.files");
        let version = "[version]\nargs=[]\ninstall=''\ntested_min='2.10'\ntested_max='2.9'";
        refused(&format!("{MINIMAL}{version}"), "tested_max");
    }
}
