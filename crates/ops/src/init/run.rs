//! The steps of `init`, in order: look, ask, write.

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use callboard_stdx::fs::write_atomic;

use super::answers::{Answers, Key};
use super::ask::Person;
use super::{detect, files};
use crate::program::Program;

/// How many agents may work at once, where nobody says.
const AGENTS_MAX: u32 = 3;

/// What `init` works on.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder that gets callboard.toml.
    pub folder: PathBuf,
    /// The secrets file.
    pub secrets: PathBuf,
    /// The programs of this machine.
    pub programs: Vec<Program>,
    /// Credentials in the environment, by name.
    pub keys: Vec<Key>,
    /// Whether a callboard.toml that is there is replaced.
    pub force: bool,
    /// What flags say.
    pub runtime: Option<String>,
    /// What flags say.
    pub check: Option<String>,
    /// What flags say.
    pub agents_max: Option<u32>,
}

/// What `init` did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// What was written.
    pub answers: Answers,
    /// The configuration file.
    pub config: PathBuf,
    /// Where the replaced one is kept.
    pub old: Option<PathBuf>,
}

/// Why nothing was set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is there.
    #[error(
        "failed to write {path}: it is there already; look at it with `callboard config show`, or \
         replace it with --force"
    )]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The program is none that callboard knows.
    #[error("failed to find the agent program {name:?}: use one of {known}")]
    UnknownProgram {
        /// What was asked for.
        name: String,
        /// The programs.
        known: String,
    },
    /// A file cannot be read or written.
    #[error("failed to write {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The secrets file has another shape.
    #[error("failed to add a key to {path}: it is no secrets file; move it away or mend it")]
    Secrets {
        /// The file.
        path: PathBuf,
    },
    /// Nobody answered.
    #[error("failed to ask; use --yes to take what is detected")]
    Ask(#[source] io::Error),
}

/// Sets the folder up. `person` is asked; without one everything detected is taken.
///
/// # Errors
/// See [`Error`]. Nothing was written then, or only the secrets file.
pub fn run(
    options: &Options,
    person: Option<(&mut dyn BufRead, &mut dyn Write)>,
) -> Result<Done, Error> {
    let config = options.folder.join("callboard.toml");
    if config.exists() && !options.force {
        return Err(Error::Exists { path: config });
    }
    let mut answers = detect_all(options)?;
    if let Some((from, to)) = person {
        let mut person = Person { answers: from, questions: to };
        ask(options, &mut answers, &mut person).map_err(Error::Ask)?;
    }
    if let (Some(runtime), Some(key)) = (&answers.runtime, &answers.key) {
        add_secret(&options.secrets, runtime, key)?;
    }
    let old = keep_old(&config)?;
    let text = files::config(&answers);
    write_atomic(&config, text.as_bytes(), 0o644).map_err(io_error(&config))?;
    Ok(Done { answers, config, old })
}

fn detect_all(options: &Options) -> Result<Answers, Error> {
    let runtime = match &options.runtime {
        Some(name) => {
            if !options.programs.iter().any(|it| it.name == *name) {
                let known: Vec<_> = options.programs.iter().map(|it| it.name.as_str()).collect();
                let known = known.join(", ");
                return Err(Error::UnknownProgram { name: name.clone(), known });
            }
            Some(name.clone())
        }
        None => usable(&options.programs).first().cloned(),
    };
    let check = options.check.clone().or_else(|| detect::check_command(&options.folder));
    let agents_max = options.agents_max.unwrap_or(AGENTS_MAX);
    let key = runtime.as_deref().and_then(|name| key_of(name, options));
    Ok(Answers { runtime, check, agents_max, key })
}

/// The names of real programs that are there.
fn usable(programs: &[Program]) -> Vec<String> {
    let usable = programs.iter().filter(|it| it.probed.is_ok() && !it.is_scripted);
    usable.map(|it| it.name.clone()).collect()
}

/// The credential of a program that the environment has.
fn key_of(runtime: &str, options: &Options) -> Option<Key> {
    let program = options.programs.iter().find(|it| it.name == runtime)?;
    program.keys.iter().find_map(|name| {
        options.keys.iter().find(|key| key.name == *name && !key.value.is_empty()).cloned()
    })
}

fn ask(options: &Options, answers: &mut Answers, person: &mut Person<'_>) -> io::Result<()> {
    if options.runtime.is_none() {
        answers.runtime = person.one_of("agent program", &usable(&options.programs))?;
        answers.key = answers.runtime.as_deref().and_then(|name| key_of(name, options));
    }
    if let Some(key) = &answers.key {
        let question =
            format!("store {} of your environment for the node, readable by you alone?", key.name);
        if !person.agrees(&question)? {
            answers.key = None;
        }
    }
    if options.check.is_none() {
        answers.check = person
            .text("command that must pass before a task is done", answers.check.as_deref())?;
    }
    Ok(())
}

fn add_secret(path: &Path, runtime: &str, key: &Key) -> Result<(), Error> {
    let before = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(source) => return Err(io_error(path)(source)),
    };
    let text = files::secrets(&before, runtime, key)
        .ok_or_else(|| Error::Secrets { path: path.to_owned() })?;
    write_atomic(path, text.as_bytes(), 0o600).map_err(io_error(path))
}

fn keep_old(config: &Path) -> Result<Option<PathBuf>, Error> {
    if !config.exists() {
        return Ok(None);
    }
    let old = config.with_extension("toml.old");
    fs::rename(config, &old).map_err(io_error(&old))?;
    Ok(Some(old))
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { path, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn program(name: &str, is_scripted: bool) -> Program {
        Program {
            name: name.to_owned(),
            probed: Ok("1.0".to_owned()),
            install: None,
            keys: vec!["THE_KEY".to_owned()],
            is_scripted,
        }
    }

    fn options(folder: &Path) -> Options {
        fs::write(folder.join("go.mod"), "module a").expect("writable");
        Options {
            folder: folder.to_owned(),
            secrets: folder.join("secrets.toml"),
            programs: vec![program("scripted", true), program("zed", false)],
            keys: vec![Key { name: "THE_KEY".to_owned(), value: "hidden".to_owned() }],
            force: false,
            runtime: None,
            check: None,
            agents_max: None,
        }
    }

    #[test]
    fn without_a_person_what_is_detected_is_written() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let done = run(&options(folder.path()), None).expect("set up");
        assert_eq!(done.answers.runtime.as_deref(), Some("zed"), "scripted is never chosen");
        assert_eq!(done.answers.check.as_deref(), Some("go test ./..."));
        let config = fs::read_to_string(done.config).expect("written");
        assert!(config.contains("default = \"zed\""), "{config}");
        assert!(!config.contains("hidden"), "no secret in the configuration");
        let secrets = folder.path().join("secrets.toml");
        let mode = fs::metadata(&secrets).expect("written").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(fs::read_to_string(secrets).expect("readable").contains("hidden"));
    }

    #[test]
    fn a_configuration_that_is_there_is_only_replaced_by_force() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut options = options(folder.path());
        fs::write(folder.path().join("callboard.toml"), "mine").expect("writable");
        assert!(matches!(run(&options, None), Err(Error::Exists { .. })));
        options.force = true;
        let old = run(&options, None).expect("set up").old.expect("it was there");
        assert_eq!(fs::read_to_string(old).expect("kept"), "mine");
    }

    #[test]
    fn a_person_is_asked_and_may_decline() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut asked = Vec::new();
        let mut answers: &[u8] = b"zed\nn\nmake ok\n";
        let done = run(&options(folder.path()), Some((&mut answers, &mut asked))).expect("set up");
        assert_eq!(done.answers.key, None);
        assert_eq!(done.answers.check.as_deref(), Some("make ok"));
        assert!(!folder.path().join("secrets.toml").exists());
        let asked = String::from_utf8(asked).expect("text");
        assert!(!asked.contains("hidden"), "{asked}");
    }

    #[test]
    fn an_unknown_program_is_refused_with_the_known_ones() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut options = options(folder.path());
        options.runtime = Some("nothing".to_owned());
        let text = run(&options, None).expect_err("refused").to_string();
        assert!(text.contains("scripted, zed"), "{text}");
    }
}
