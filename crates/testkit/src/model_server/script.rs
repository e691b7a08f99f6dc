//! Reads the directives of a prompt and groups them into steps, one per reply. Pure.

use std::time::Duration;

use serde_json::Value;

const SLOW_MAX: Duration = Duration::from_secs(600);

/// A tool call that a step makes, before the client's tools are known.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Call {
    Shell(String),
    Write { path: String, text: String },
    Tool { name: String, input: Value },
}

/// A refusal instead of a reply, for a step's first requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) times: u32,
}

/// One reply of the model.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Step {
    pub(super) delay: Duration,
    pub(super) failure: Option<Failure>,
    pub(super) says: Vec<String>,
    pub(super) call: Option<Call>,
}

impl Step {
    /// The reply when there is nothing (more) to do.
    pub(super) fn done() -> Self {
        Self { says: vec!["done".to_owned()], ..Self::default() }
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn or_done(mut self) -> Self {
        if self.says.is_empty() && self.call.is_none() {
            self.says.push("done".to_owned());
        }
        self
    }
}

/// Whether a text has a directive.
pub(super) fn is_script(text: &str) -> bool {
    !directives(text).is_empty()
}

/// The steps of a text; none where it has no directive.
pub(super) fn steps(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut step = Step::default();
    for (kind, body) in directives(text) {
        add(&mut step, kind, body);
        if step.call.is_some() {
            steps.push(std::mem::take(&mut step));
        }
    }
    if !step.is_empty() {
        steps.push(step.or_done());
    }
    steps
}

/// Adds a directive to a step. What cannot be read is said, so that a person sees it.
fn add(step: &mut Step, kind: &str, body: &str) {
    let bad = |why: &str| format!("failed to read directive [[{kind}:{body}]]: {why}");
    match kind {
        "sh" => step.call = Some(Call::Shell(body.to_owned())),
        "write" => match body.split_once('|') {
            Some((path, text)) => {
                step.call = Some(Call::Write { path: path.to_owned(), text: text.to_owned() });
            }
            None => step.says.push(bad("use PATH|TEXT")),
        },
        "tool" => match tool(body) {
            Ok(call) => step.call = Some(call),
            Err(why) => step.says.push(bad(&why)),
        },
        "say" => step.says.push(body.to_owned()),
        "slow" => match body.parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok()) {
            Some(delay) => step.delay = delay.min(SLOW_MAX),
            None => step.says.push(bad("use seconds")),
        },
        "fail" => match failure(body) {
            Some(failure) => step.failure = Some(failure),
            None => step.says.push(bad("use STATUS:N with a status of 400 to 599")),
        },
        _ => unreachable!("directives() yields known kinds only"),
    }
}

fn tool(body: &str) -> Result<Call, String> {
    let (name, input) = body.split_once('|').ok_or("use NAME|JSON")?;
    let input = serde_json::from_str(input).map_err(|error| error.to_string())?;
    Ok(Call::Tool { name: name.to_owned(), input })
}

fn failure(body: &str) -> Option<Failure> {
    let (status, times) = body.split_once(':')?;
    let status = status.parse().ok().filter(|status| (400..600).contains(status))?;
    Some(Failure { status, times: times.parse().ok()? })
}

/// All `[[kind:body]]` of a text with a known kind, in order.
fn directives(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("[[") {
        rest = &rest[start + 2..];
        let Some((kind, after)) = rest.split_once(':') else { break };
        if !matches!(kind, "sh" | "write" | "tool" | "say" | "slow" | "fail") {
            continue;
        }
        let Some(end) = closing(after) else { break };
        found.push((kind, &after[..end]));
        rest = &after[end + 2..];
    }
    found
}

/// Where the `]]` is that closes a directive, nested pairs skipped.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(found) = text[at..].find(['[', ']']).map(|found| at + found) {
        match text.get(found..found + 2) {
            Some("]]") if depth == 0 => return Some(found),
            Some("]]") => (depth, at) = (depth - 1, found + 2),
            Some("[[") => (depth, at) = (depth + 1, found + 2),
            _ => at = found + 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(text: &str, wanted: &[Step]) {
        assert_eq!(steps(text), wanted, "{text:?}");
    }

    fn say(text: &str) -> Step {
        Step { says: vec![text.to_owned()], ..Step::default() }
    }

    fn shell(command: &str) -> Step {
        Step { call: Some(Call::Shell(command.to_owned())), ..Step::default() }
    }

    #[test]
    fn a_step_ends_with_a_call() {
        check("", &[]);
        check("no [[directive]] [[x:y]] here", &[]);
        check("please [[sh:ls -l]] and [[say:fin]].", &[shell("ls -l"), say("fin")]);
        let both = Step { says: vec!["a".to_owned()], ..shell("b") };
        check("[[say:a]][[sh:b]]", &[both]);
    }

    #[test]
    fn a_body_may_hold_brackets_pipes_and_lines() {
        check("[[sh:if [[ -f a ]]; then b[1]=2; fi]]", &[shell("if [[ -f a ]]; then b[1]=2; fi")]);
        let write = Call::Write { path: "a".to_owned(), text: "x|y\nz".to_owned() };
        check("[[write:a|x|y\nz]]", &[Step { call: Some(write), ..Step::default() }]);
        let tool = Call::Tool { name: "T".to_owned(), input: json!({"a": [[1]]}) };
        check(r#"[[tool:T|{"a":[[1]]}]]"#, &[Step { call: Some(tool), ..Step::default() }]);
        check("[[sh:never closed", &[]);
        check("é [[say:ü]] ]", &[say("ü")]);
    }

    #[test]
    fn delay_and_failure_belong_to_the_step_they_precede() {
        let failure = Some(Failure { status: 529, times: 2 });
        check("[[fail:529:2]][[sh:a]][[say:b]]", &[Step { failure, ..shell("a") }, say("b")]);
        let delay = Duration::from_millis(1_500);
        check("[[slow:1.5]]", &[Step { delay, ..Step::done() }]);
        check("[[slow:1e9]]", &[Step { delay: SLOW_MAX, ..Step::done() }]);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for text in ["[[write:a]]", "[[tool:a]]", "[[tool:a|{]]", "[[slow:x]]", "[[fail:200:1]]"] {
            let steps = steps(text);
            assert_eq!(steps.len(), 1, "{text:?}");
            assert!(steps[0].says[0].starts_with("failed to read directive"), "{steps:?}");
        }
    }
}
