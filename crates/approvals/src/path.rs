//! Paths of files that tools touch, compared by their parts, without touching the disk.

/// A path inside the workspace, as its parts; or why it is not one.
///
/// # Errors
/// The reason for a person.
pub fn inside(path: &str, folder: &str, workspace: &str) -> Result<Vec<String>, String> {
    if path.is_empty() || path.chars().any(char::is_control) || path.starts_with('~') {
        return Err(format!("{path:?} is no plain path"));
    }
    let full = if path.starts_with('/') {
        path.to_owned()
    } else if folder.starts_with('/') {
        format!("{folder}/{path}")
    } else {
        format!("{workspace}/{folder}/{path}")
    };
    let parts = parts(&full).ok_or_else(|| format!("{path} goes up by '..'"))?;
    let root = self::parts(workspace).ok_or_else(|| "the workspace's path has '..'".to_owned())?;
    let Some(rest) = parts.strip_prefix(root.as_slice()) else {
        return Err(format!("{path} is outside the workspace"));
    };
    // What lies there is run by git itself.
    if rest.iter().any(|part| part.eq_ignore_ascii_case(".git")) {
        return Err(format!("{path} belongs to git"));
    }
    Ok(rest.to_vec())
}

/// The parts of a path without `.` and doubled slashes; `None` where it has `..`.
fn parts(path: &str) -> Option<Vec<String>> {
    let parts: Vec<&str> =
        path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    (!parts.contains(&"..")).then(|| parts.into_iter().map(str::to_owned).collect())
}

/// A folder or file of the workspace in a rule; `.` is all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    text: String,
    parts: Vec<String>,
}

impl Prefix {
    /// Reads a rule's path.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.starts_with(['/', '~']) {
            return Err("write a path from the workspace's root; '.' is all of it".to_owned());
        }
        if text.contains(['*', '?']) {
            return Err(
                "write a folder or file without '*': a folder covers what is in it".to_owned()
            );
        }
        let parts = parts(text).ok_or_else(|| "write a path without '..'".to_owned())?;
        Ok(Self { text: text.to_owned(), parts })
    }

    /// Whether it covers these parts.
    #[must_use]
    pub fn covers(&self, parts: &[String]) -> bool {
        parts.starts_with(&self.parts)
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_inside_count() {
        let check = |path: &str| inside(path, "sub", "/w/a").map(|parts| parts.join("/"));
        assert_eq!(check("x.rs").as_deref(), Ok("sub/x.rs"));
        assert_eq!(check("/w/a//./x.rs").as_deref(), Ok("x.rs"));
        for path in
            ["../x", "/w/ab/x", "/w/a/../b", "/etc/passwd", "~/x", "", ".git/hooks/x", "a\nb"]
        {
            assert!(check(path).is_err(), "{path}");
        }
    }

    #[test]
    fn prefixes_end_at_a_part() {
        let covers = |prefix: &str, path: &str| {
            let parts = inside(path, ".", "/w").expect("inside");
            Prefix::new(prefix).expect("good").covers(&parts)
        };
        assert!(covers("src/", "src/a.rs") && covers("src", "src") && covers(".", "x"));
        assert!(!covers("src", "srcs/a.rs") && !covers("src/a", "src"));
        for bad in ["", "/etc", "../x", "*.rs", "~"] {
            assert!(Prefix::new(bad).is_err(), "{bad}");
        }
    }
}
