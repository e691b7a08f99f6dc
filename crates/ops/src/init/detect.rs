//! Which command checks a repository, from the files in its top folder.

use std::fs;
use std::path::Path;

/// The check command of a repository, where its files tell one.
#[must_use]
pub fn check_command(top: &Path) -> Option<String> {
    let has = |name: &str| top.join(name).is_file();
    if has("Cargo.toml") {
        return Some("cargo test".to_owned());
    }
    if has("package.json") && has_npm_test(&top.join("package.json")) {
        return Some("npm test".to_owned());
    }
    if has("go.mod") {
        return Some("go test ./...".to_owned());
    }
    let is_pytest = has("pytest.ini")
        || has("tox.ini")
        || has("conftest.py")
        || has("pyproject.toml") && has_text(&top.join("pyproject.toml"), "pytest")
        || has("setup.py") && top.join("tests").is_dir();
    if is_pytest {
        return Some("python3 -m pytest".to_owned());
    }
    ["Makefile", "makefile", "GNUmakefile"].iter().find_map(|name| {
        let text = fs::read_to_string(top.join(name)).ok()?;
        let target = ["check", "test"].into_iter().find(|target| has_target(&text, target))?;
        Some(format!("make {target}"))
    })
}

/// `npm init` writes a test script that always fails.
fn has_npm_test(path: &Path) -> bool {
    let Ok(text) = fs::read_to_string(path) else { return false };
    let Ok(package) = serde_json::from_str::<serde_json::Value>(&text) else { return false };
    let script = package.pointer("/scripts/test").and_then(serde_json::Value::as_str);
    script.is_some_and(|script| !script.contains("no test specified"))
}

fn has_text(path: &Path, text: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|it| it.contains(text))
}

fn has_target(makefile: &str, target: &str) -> bool {
    makefile.lines().any(|line| {
        line.strip_prefix(target).is_some_and(|rest| {
            let rest = rest.trim_start();
            rest.starts_with(':') && !rest.starts_with(":=")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(files: &[(&str, &str)]) -> Option<String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("writable");
        }
        check_command(folder.path())
    }

    #[test]
    fn the_check_command_is_that_of_the_language() {
        let cases = [
            (vec![("Cargo.toml", "")], Some("cargo test")),
            (vec![("package.json", r#"{"scripts":{"test":"vitest"}}"#)], Some("npm test")),
            (vec![("package.json", r#"{"scripts":{"test":"echo \"no test specified\""}}"#)], None),
            (vec![("go.mod", "module a")], Some("go test ./...")),
            (vec![("pyproject.toml", "[tool.pytest.ini_options]")], Some("python3 -m pytest")),
            (vec![("Makefile", "all:\n\ntest: all\n\tsh t.sh\n")], Some("make test")),
            (vec![("Makefile", "test := 1\n")], None),
            (vec![("Makefile", "test:\ncheck:\n")], Some("make check")),
            (vec![("README.md", "")], None),
        ];
        for (files, expected) in cases {
            assert_eq!(detected(&files).as_deref(), expected, "{files:?}");
        }
    }
}
