//! Scripts: what a scripted program is to do, step by step. Pure.
//!
//! A script stands in a prompt, between a line ` ```script ` and a line ` ``` `; or a line
//! `script: PATH` names a file that holds one. One step per line; a step whose line ends in `<<WORD`
//! goes on to the line `WORD`. Empty lines and lines that begin with `#` are left out.
//!
//! | step | does |
//! |---|---|
//! | `say TEXT` | writes text for people |
//! | `run COMMAND` | runs a shell command; the turn fails when it does |
//! | `try COMMAND` | the same, but a failure changes nothing |
//! | `ask COMMAND` | asks for permission, then runs it; goes on without where that is denied |
//! | `write PATH <<END` | writes a file |
//! | `append PATH <<END` | appends to a file |
//! | `edit PATH <<END` | replaces what stands above the line `=======` by what stands below it |
//! | `commit MESSAGE` | commits everything |
//! | `sleep 200ms`, `sleep 2s` | waits |
//! | `progress TEXT` | says how far it is |
//! | `tokens IN OUT [CACHED]` | reports usage |
//! | `effect FILE TASK STEP [50ms]` | appends `begin TASK STEP`, waits, appends `end TASK STEP` |
//! | `flood BYTES` | writes that much text |
//! | `fail REASON` | fails the turn |
//! | `fail-once MARKER REASON` | the same, unless the file MARKER exists, which it creates |
//! | `crash` | is killed by a signal, once |
//! | `exit CODE` | exits, once |
//! | `hang` | waits for ever |

use std::path::PathBuf;
use std::time::Duration;

/// The line between the two halves of an edit.
const EDIT_SEPARATOR: &str = "=======";

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Writes text for people.
    Say(String),
    /// Runs a shell command.
    Run {
        /// The command.
        command: String,
        /// Whether its failure fails the turn.
        must_succeed: bool,
    },
    /// Runs a shell command if a person or a policy allows it.
    Ask {
        /// The command.
        command: String,
    },
    /// Writes a file.
    Write {
        /// The file.
        path: PathBuf,
        /// Its content.
        text: String,
    },
    /// Appends to a file.
    Append {
        /// The file.
        path: PathBuf,
        /// What is added.
        text: String,
    },
    /// Replaces text in a file; it must be there exactly once.
    Edit {
        /// The file.
        path: PathBuf,
        /// What is there.
        old: String,
        /// What will be.
        new: String,
    },
    /// Commits everything.
    Commit {
        /// The message.
        message: String,
    },
    /// Waits.
    Sleep(Duration),
    /// Says how far it is.
    Progress(String),
    /// Reports usage.
    Tokens {
        /// Tokens read.
        input: u64,
        /// Tokens written.
        output: u64,
        /// Tokens read from the cache.
        cached: u64,
    },
    /// Leaves a trace outside of the workspace by which repeated steps are found.
    Effect {
        /// The append-only file.
        file: PathBuf,
        /// What the trace names.
        task: String,
        /// What the trace names.
        step: String,
        /// How long it is between its begin and its end.
        takes: Duration,
    },
    /// Writes that many bytes of text.
    Flood(u64),
    /// Fails the turn.
    Fail(String),
    /// Fails the turn unless the marker exists, and creates it.
    FailOnce {
        /// The file that says that it failed before.
        marker: PathBuf,
        /// The reason.
        reason: String,
    },
    /// Is killed by a signal.
    Crash,
    /// Exits.
    Exit(u8),
    /// Waits for ever.
    Hang,
}

/// Why a text is no script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to read line {line} of the script: {reason}")]
pub struct Error {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// Where the script of a prompt is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In the prompt.
    Text(String),
    /// In a file.
    File(PathBuf),
}

/// Finds the script in a prompt.
#[must_use]
pub fn find(prompt: &str) -> Option<Source> {
    let mut lines = prompt.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "```script" {
            let script: Vec<_> = lines.take_while(|line| line.trim() != "```").collect();
            return Some(Source::Text(script.join("\n")));
        }
        if let Some(path) = line.trim().strip_prefix("script:") {
            return Some(Source::File(path.trim().into()));
        }
    }
    None
}

/// Reads a script.
///
/// # Errors
/// The first line that is no step.
pub fn parse(script: &str) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    let mut lines = script.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let failed = |reason: String| Error { line: index + 1, reason };
        let (line, body) = match line.rsplit_once("<<") {
            Some((line, word)) if is_word(word) => {
                let body = body(&mut lines, word);
                (line.trim_end(), Some(body.ok_or_else(|| failed(format!("no line {word}")))?))
            }
            _ => (line, None),
        };
        steps.push(step(line, body).map_err(failed)?);
    }
    Ok(steps)
}

fn is_word(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// The lines up to `word`, each with its end; `None` where there is no such line.
fn body<'a>(lines: &mut impl Iterator<Item = (usize, &'a str)>, word: &str) -> Option<String> {
    let mut body = String::new();
    for (_, line) in lines {
        if line.trim() == word {
            return Some(body);
        }
        body.push_str(line);
        body.push('\n');
    }
    None
}

fn step(line: &str, body: Option<String>) -> Result<Step, String> {
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    match name {
        "write" | "append" | "edit" => file_step(name, rest, body),
        "fail" | "fail-once" | "crash" | "exit" | "hang" | "flood" => failing_step(name, rest),
        "tokens" | "effect" | "sleep" => measured_step(name, rest),
        _ => {
            let text = match body {
                Some(_) if !rest.is_empty() => {
                    return Err(format!("{name} takes its text on the line or below it, not both"));
                }
                Some(body) => body,
                None => rest.to_owned(),
            };
            let required = |text: String| match text.is_empty() {
                true => Err(format!("{name} needs a text")),
                false => Ok(text),
            };
            match name {
                "say" => Ok(Step::Say(required(text)?)),
                "progress" => Ok(Step::Progress(required(text)?)),
                "commit" => Ok(Step::Commit { message: required(text)? }),
                "run" => Ok(Step::Run { command: required(text)?, must_succeed: true }),
                "try" => Ok(Step::Run { command: required(text)?, must_succeed: false }),
                "ask" => Ok(Step::Ask { command: required(text)? }),
                _ => Err(format!("there is no step {name:?}")),
            }
        }
    }
}

fn file_step(name: &str, path: &str, body: Option<String>) -> Result<Step, String> {
    if path.is_empty() {
        return Err(format!("{name} needs a path"));
    }
    let path = PathBuf::from(path);
    let text = body.ok_or_else(|| format!("{name} needs a text: end the line in <<END"))?;
    match name {
        "write" => Ok(Step::Write { path, text }),
        "append" => Ok(Step::Append { path, text }),
        _ => {
            let separator = format!("{EDIT_SEPARATOR}\n");
            let (old, new) = text
                .split_once(&separator)
                .filter(|(old, _)| !old.is_empty())
                .ok_or_else(|| format!("edit needs two texts with a line {EDIT_SEPARATOR}"))?;
            Ok(Step::Edit { path, old: old.to_owned(), new: new.to_owned() })
        }
    }
}

fn failing_step(name: &str, rest: &str) -> Result<Step, String> {
    match name {
        "fail" => Ok(Step::Fail(rest.to_owned())),
        "fail-once" => {
            let (marker, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            match marker {
                "" => Err("fail-once needs the path of its marker".to_owned()),
                _ => Ok(Step::FailOnce { marker: marker.into(), reason: reason.to_owned() }),
            }
        }
        "crash" => Ok(Step::Crash),
        "hang" => Ok(Step::Hang),
        "exit" => rest.parse().map(Step::Exit).map_err(|_| "exit needs a code".to_owned()),
        _ => rest.parse().map(Step::Flood).map_err(|_| "flood needs a number".to_owned()),
    }
}

fn measured_step(name: &str, rest: &str) -> Result<Step, String> {
    let words: Vec<_> = rest.split_whitespace().collect();
    let number = |word: &str| word.parse().map_err(|_| format!("{word:?} is no number"));
    match (name, words.as_slice()) {
        ("sleep", [time]) => Ok(Step::Sleep(duration(time)?)),
        ("tokens", [input, output]) => {
            Ok(Step::Tokens { input: number(input)?, output: number(output)?, cached: 0 })
        }
        ("tokens", [input, output, cached]) => Ok(Step::Tokens {
            input: number(input)?,
            output: number(output)?,
            cached: number(cached)?,
        }),
        ("effect", [file, task, step, times @ ..]) if times.len() <= 1 => Ok(Step::Effect {
            file: file.into(),
            task: (*task).to_owned(),
            step: (*step).to_owned(),
            takes: times.first().map_or(Ok(Duration::ZERO), |time| duration(time))?,
        }),
        _ => Err(format!("{name} has the wrong number of words")),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time: write 200ms or 2s");
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        _ => Err(wrong()),
    }
}

impl Step {
    /// The tool by which the step is shown, and what it is about to do, in one line. `None` for
    /// steps that do nothing to the world.
    #[must_use]
    pub fn tool(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Run { command, .. } | Self::Ask { command } => {
                Some(("Bash", first_line(command)))
            }
            Self::Write { path, .. } => Some(("Write", path.display().to_string())),
            Self::Append { path, .. } | Self::Edit { path, .. } => {
                Some(("Edit", path.display().to_string()))
            }
            Self::Commit { message } => {
                Some(("Bash", format!("git commit -m {:?}", first_line(message))))
            }
            Self::Effect { task, step, .. } => Some(("Effect", format!("{task} {step}"))),
            Self::Sleep(time) => Some(("Sleep", format!("{time:?}"))),
            Self::Say(_)
            | Self::Progress(_)
            | Self::Tokens { .. }
            | Self::Flood(_)
            | Self::Fail(_)
            | Self::FailOnce { .. }
            | Self::Crash
            | Self::Exit(_)
            | Self::Hang => None,
        }
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(script: &str, wanted: &[Step]) {
        assert_eq!(parse(script).as_deref(), Ok(wanted));
    }

    fn text(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn script_is_found_in_its_prompt() {
        let prompt = "Do this:\n```script\nsay a\n\nsay b\n```\nthen rest\n```script\nsay c\n```";
        assert_eq!(find(prompt), Some(Source::Text(text("say a\n\nsay b"))));
        assert_eq!(find("a\n  script: some/file \n"), Some(Source::File("some/file".into())));
        assert_eq!(find("a script"), None);
        assert_eq!(find("```script\nsay a"), Some(Source::Text(text("say a"))));
    }

    #[test]
    fn steps_on_one_line() {
        check("# note\n\nsay hello there", &[Step::Say(text("hello there"))]);
        let run = |must_succeed| Step::Run { command: text("a | b"), must_succeed };
        check("run a | b\n try a | b", &[run(true), run(false)]);
        check("ask rm x", &[Step::Ask { command: text("rm x") }]);
        check(
            "sleep 20ms\nsleep 3s",
            &[Step::Sleep(Duration::from_millis(20)), Step::Sleep(Duration::from_secs(3))],
        );
        check("tokens 10 2", &[Step::Tokens { input: 10, output: 2, cached: 0 }]);
        check(
            "effect /e p-1 3 5ms",
            &[Step::Effect {
                file: "/e".into(),
                task: text("p-1"),
                step: text("3"),
                takes: Duration::from_millis(5),
            }],
        );
        check(
            "fail-once /m why not",
            &[Step::FailOnce { marker: "/m".into(), reason: text("why not") }],
        );
        check(
            "crash\nhang\nexit 3\nflood 9\nfail no",
            &[Step::Crash, Step::Hang, Step::Exit(3), Step::Flood(9), Step::Fail(text("no"))],
        );
    }

    #[test]
    fn steps_with_a_body() {
        check(
            "write a/b.txt <<END\none\n  two\nEND\nsay x",
            &[
                Step::Write { path: "a/b.txt".into(), text: text("one\n  two\n") },
                Step::Say(text("x")),
            ],
        );
        check(
            "edit f <<E\nold\n=======\nnew\nE",
            &[Step::Edit { path: "f".into(), old: text("old\n"), new: text("new\n") }],
        );
        check(
            "run <<SH\ncat <<EOF\nx\nEOF\nSH",
            &[Step::Run { command: text("cat <<EOF\nx\nEOF\n"), must_succeed: true }],
        );
        check("run cat <<< x", &[Step::Run { command: text("cat <<< x"), must_succeed: true }]);
    }

    #[test]
    fn each_mistake_names_its_line() {
        for (script, line, reason) in [
            ("say a\ndance", 2, "there is no step \"dance\""),
            ("write f", 1, "write needs a text: end the line in <<END"),
            ("write <<END\nEND", 1, "write needs a path"),
            ("\nwrite f <<END\nx", 2, "no line END"),
            ("edit f <<END\nx\nEND", 1, "edit needs two texts with a line ======="),
            ("sleep 3", 1, "\"3\" is no time: write 200ms or 2s"),
            ("tokens 1", 1, "tokens has the wrong number of words"),
            ("run", 1, "run needs a text"),
            ("exit x", 1, "exit needs a code"),
            ("run cat <<A\nA", 1, "run takes its text on the line or below it, not both"),
        ] {
            assert_eq!(parse(script), Err(Error { line, reason: text(reason) }), "{script}");
        }
    }
}
