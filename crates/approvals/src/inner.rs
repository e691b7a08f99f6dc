//! Programs that run other programs: no pattern for them can say what is really run.

/// Programs whose arguments name the program that is run.
const WRAPPERS: [&str; 42] = [
    "builtin",
    "busybox",
    "chroot",
    "chrt",
    "command",
    "doas",
    "docker",
    "entr",
    "env",
    "eval",
    "exec",
    "expect",
    "firejail",
    "flock",
    "ionice",
    "ltrace",
    "nice",
    "nohup",
    "nsenter",
    "parallel",
    "podman",
    "runuser",
    "script",
    "setarch",
    "setpriv",
    "setsid",
    "source",
    "ssh",
    "stdbuf",
    "strace",
    "su",
    "sudo",
    "systemd-run",
    "taskset",
    "time",
    "timeout",
    "toybox",
    "trap",
    "unshare",
    "watch",
    "xargs",
    "gdb",
];

/// Programs that run a file of code, or code in their arguments. A file may be named by a pattern;
/// an option before it is refused, save `-m`, which names a module.
const INTERPRETERS: [&str; 21] = [
    "ash", "awk", "bash", "bun", "csh", "dash", "deno", "fish", "gawk", "ksh", "lua", "mawk",
    "node", "perl", "php", "python", "python3", "ruby", "sh", "tcsh", "zsh",
];

/// Options by which a program runs another one.
const OPTIONS: [(&str, &[&str]); 9] = [
    (
        "git",
        &[
            "-c",
            "-x",
            "--config-env",
            "--exec-path",
            "--exec",
            "--upload-pack",
            "--receive-pack",
            "--extcmd",
            "--ext-diff",
            "--open-files-in-pager",
            "-O",
            "foreach",
            "run",
            "--config",
        ],
    ),
    (
        "find",
        &[
            "-exec", "-execdir", "-ok", "-okdir", "-delete", "-fprint", "-fprint0", "-fprintf",
            "-fls",
        ],
    ),
    ("cargo", &["--config"]),
    ("npm", &["--script-shell", "--node-options"]),
    ("make", &["--eval", "SHELL"]),
    ("rsync", &["-e", "--rsh", "--rsync-path"]),
    ("sort", &["--compress-program"]),
    (
        "tar",
        &["-I", "--use-compress-program", "--to-command", "--checkpoint-action", "--rsh-command"],
    ),
    ("rg", &["--pre", "--hostname-bin"]),
];

/// Why these words run a program that no pattern has seen; `None` where they do not.
#[must_use]
pub fn hidden_program(words: &[String]) -> Option<String> {
    let (first, rest) = words.split_first()?;
    let program = first.rsplit('/').next().unwrap_or(first);
    if WRAPPERS.contains(&program) {
        return Some(format!("{program} runs another program"));
    }
    let is_interpreter = INTERPRETERS
        .contains(&program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.'))
        || INTERPRETERS.contains(&program);
    if is_interpreter {
        return match rest.first() {
            Some(option) if option.starts_with('-') && option != "-m" => {
                Some(format!("{program} {option} may run code from its arguments"))
            }
            None => Some(format!("{program} alone runs what it is fed")),
            // The first argument of awk is its program.
            Some(_) if program.ends_with("awk") => Some(format!("{program} runs its argument")),
            Some(_) => None,
        };
    }
    if program == "git"
        && rest.first().is_some_and(|word| word.starts_with('-') && word != "--version")
    {
        return Some("options before git's own command change what it runs".to_owned());
    }
    let (_, options) = OPTIONS.iter().find(|(name, _)| *name == program)?;
    let names = |word: &&String| {
        options.iter().any(|option| {
            word.strip_prefix(option).is_some_and(|value| {
                // `-Icat` is `-I cat`; a long option takes its value after `=`.
                value.is_empty()
                    || value.starts_with('=')
                    || (option.len() == 2 && option.starts_with('-'))
            })
        })
    };
    rest.iter().find(names).map(|word| format!("{program} {word} runs another program"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(command: &str) -> bool {
        let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
        hidden_program(&words).is_some()
    }

    #[test]
    fn wrappers_are_seen() {
        for command in [
            "env cargo test",
            "sudo ls",
            "/usr/bin/env ls",
            "xargs rm",
            "sh -c ls",
            "bash -lc ls",
            "python3 -c x",
            "python3.12 -Ic x",
            "node -e x",
            "python3",
            "perl -pe x",
            "awk x",
            "git -c a=b log",
            "git --exec-path=x log",
            "git log --ext-diff",
            "git rebase -xrm",
            "git submodule foreach rm",
            "git bisect run rm",
            "find . -exec rm",
            "find . -delete",
            "cargo --config x test",
            "cargo test --config=x",
            "tar -Icat -xf a",
            "timeout 1 rm",
            "make SHELL=/tmp/x",
            "rg --pre=x y",
        ] {
            assert!(check(command), "{command}");
        }
    }

    #[test]
    fn plain_programs_pass() {
        for command in [
            "cargo test --workspace",
            "git status",
            "git commit -m x",
            "git log --oneline",
            "python3 -m pytest",
            "python3 script.py -c x",
            "bash scripts/check.sh",
            "find . -name x",
            "ls -c",
            "tar -xf a",
            "make test",
        ] {
            assert!(!check(command), "{command}");
        }
    }
}
