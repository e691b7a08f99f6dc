//! Decides what the model answers to a request. Pure.

use serde_json::{Value, json};

use super::messages::Request;
use super::script::{self, Call, Step};

const SHELLS: [&str; 5] = ["Bash", "run_shell_command", "bash", "exec_command", "shell"];
/// Tools that write a file, with the name of the field for its path.
const WRITERS: [(&str, &str); 3] =
    [("Write", "file_path"), ("write_file", "file_path"), ("write", "filePath")];
/// How the system prompts of requests begin that a program makes for itself.
const SIDE_HEADS: [&str; 5] = [
    "generate a concise",
    "summarize this",
    "generate a title",
    "extract memor",
    "you are a title",
];

/// What the server answers.
#[derive(Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) step: Step,
    pub(super) call: Option<ToolUse>,
    /// The same for each retry of one request, different for any other step.
    pub(super) key: String,
    pub(super) side: bool,
}

/// A tool call in the client's own words.
#[derive(Debug, PartialEq)]
pub(super) struct ToolUse {
    pub(super) name: String,
    pub(super) input: Value,
}

/// The answer to a request.
pub(super) fn plan(request: &Request) -> Plan {
    if is_side(request) {
        return Plan { step: Step::done(), call: None, key: String::new(), side: true };
    }
    let (script, step_idx) = position(request);
    let mut step = script::steps(&script).into_iter().nth(step_idx).unwrap_or_else(Step::done);
    let call = step.call.take().map(|call| tool_use(request, call));
    Plan { step, call, key: format!("{step_idx} {script}"), side: false }
}

/// Whether a program asks for itself: a title, a summary, a look at its quota. Such requests carry
/// the user's text too and must not run its script.
fn is_side(request: &Request) -> bool {
    let head = request.system.texts().concat().to_lowercase();
    request.tools.is_empty()
        || request.max_tokens == Some(1)
        || SIDE_HEADS.iter().any(|side| head.trim_start().starts_with(side))
}

/// The last user text with a directive, and how many assistant messages follow it. Prompts that
/// were interrupted before a reply stand beside it in one message, as blocks of their own.
fn position(request: &Request) -> (String, usize) {
    let mut n_replies = 0;
    for message in request.messages.iter().rev() {
        if message.role == "assistant" {
            n_replies += 1;
            continue;
        }
        let texts = message.content.texts();
        if let Some(script) = texts.into_iter().rfind(|text| script::is_script(text)) {
            return (script.to_owned(), n_replies);
        }
    }
    (String::new(), n_replies)
}

fn tool_use(request: &Request, call: Call) -> ToolUse {
    match call {
        Call::Shell(command) => shell(request, &command),
        Call::Write { path, text } => write(request, &path, &text),
        Call::Tool { name, input } => ToolUse { name, input },
    }
}

fn shell(request: &Request, command: &str) -> ToolUse {
    let name = SHELLS.into_iter().find(|name| offers(request, name)).unwrap_or(SHELLS[0]);
    ToolUse {
        name: name.to_owned(),
        input: json!({"command": command, "description": "scripted step"}),
    }
}

fn write(request: &Request, path: &str, text: &str) -> ToolUse {
    match WRITERS.into_iter().find(|(name, _)| offers(request, name)) {
        Some((name, field)) => {
            ToolUse { name: name.to_owned(), input: json!({field: path, "content": text}) }
        }
        None => shell(request, &format!("printf %s {} > {}", quote(text), quote(path))),
    }
}

fn offers(request: &Request, name: &str) -> bool {
    request.tools.iter().any(|tool| tool.name == name)
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(tools: &[&str], messages: Value) -> Request {
        let tools: Vec<_> = tools.iter().map(|name| json!({"name": name})).collect();
        serde_json::from_value(json!({"tools": tools, "messages": messages})).expect("valid")
    }

    fn user(text: &str) -> Value {
        json!({"role": "user", "content": [{"type": "text", "text": text}]})
    }

    fn assistant() -> Value {
        json!({"role": "assistant", "content": "x"})
    }

    fn result(text: &str) -> Value {
        json!({"role": "user", "content": [{"type": "tool_result", "content": text}]})
    }

    #[test]
    fn step_is_the_number_of_replies_since_the_script() {
        let script = user("[[sh:a]] [[sh:b]] [[say:c]]");
        let ask = |messages| plan(&request(&["Bash"], messages));
        let first = ask(json!([script]));
        assert_eq!(first.call.expect("a call").input["command"], "a");
        let second = ask(json!([script, assistant(), result("[[sh:x]]")]));
        assert_eq!(second.call.expect("a call").input["command"], "b");
        let third = ask(json!([script, assistant(), result(""), assistant(), user("go on")]));
        assert_eq!((third.step.says, third.call), (vec!["c".to_owned()], None));
        let again = ask(json!([script, assistant(), user("[[say:new]]")]));
        assert_eq!(again.step.says, ["new"]);
        let block = |text: &str| json!({"type": "text", "text": text});
        let merged = json!([{"role": "user", "content": [block("[[sh:a]]"), block("[[sh:b]]")]}]);
        assert_eq!(ask(merged).call.expect("a call").input["command"], "b");
        assert_eq!(ask(json!([user("hello")])).step, Step::done());
    }

    #[test]
    fn calls_use_the_tools_that_are_offered() {
        let messages = json!([user("[[write:a b|it's]]")]);
        let claude = plan(&request(&["Bash", "Write"], messages.clone())).call.expect("a call");
        let input = json!({"file_path": "a b", "content": "it's"});
        assert_eq!(claude, ToolUse { name: "Write".to_owned(), input });
        let shell = plan(&request(&["bash"], messages)).call.expect("a call");
        assert_eq!(shell.name, "bash");
        assert_eq!(shell.input["command"], r"printf %s 'it'\''s' > 'a b'");
    }

    #[test]
    fn side_requests_do_not_run_the_script() {
        let script = json!([user("[[sh:a]]")]);
        assert!(plan(&request(&[], script.clone())).side);
        let mut probe = request(&["Bash"], script.clone());
        probe.max_tokens = Some(1);
        assert!(plan(&probe).side);
        let mut title = request(&["Bash"], script);
        title.system = super::super::messages::Content::Text("Generate a title for this".into());
        assert!(plan(&title).side);
    }
}
