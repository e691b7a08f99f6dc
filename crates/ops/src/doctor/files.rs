//! The data folder, the disk and the secrets file.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use callboard_api::request::Finding;
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

use super::finding::{ok, problem, warning};

/// Below this much free space a node is close to refusing work.
const DISK_BYTES_LOW: u64 = 5 << 30;
/// Below this much free space clones and checkpoints fail.
const DISK_BYTES_MIN: u64 = 512 << 20;

pub(super) fn data_folder(path: &Path) -> Finding {
    let check = "data folder";
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match existing(path).filter(|it| is_writable(it)) {
                Some(_) => ok(check, format!("{} is made at the first start", path.display())),
                None => problem(
                    check,
                    format!(
                        "{} cannot be made: choose another place with --data-dir or XDG_DATA_HOME",
                        path.display()
                    ),
                ),
            };
        }
        Err(error) => return problem(check, format!("{}: {error}", path.display())),
    };
    if !metadata.is_dir() || !is_writable(path) {
        let text = "is no folder that you can write to: mend its rights, or choose another with --data-dir";
        return problem(check, format!("{} {text}", path.display()));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let text = "others can enter";
        return warning(check, format!("{} {text} (mode {mode:o}): chmod 700 it", path.display()));
    }
    ok(check, path.display().to_string())
}

/// The nearest folder that is there.
fn existing(path: &Path) -> Option<&Path> {
    path.ancestors().find(|it| it.is_dir())
}

fn is_writable(path: &Path) -> bool {
    access(path, AccessFlags::W_OK | AccessFlags::X_OK).is_ok()
}

pub(super) fn disk(path: &Path) -> Finding {
    let Some(folder) = existing(path) else {
        return problem("disk", format!("{} is on no disk", path.display()));
    };
    match statvfs(folder) {
        Ok(stat) => judge_disk(stat.blocks_available() * stat.fragment_size()),
        Err(error) => warning("disk", format!("the free space cannot be read: {error}")),
    }
}

fn judge_disk(free_bytes: u64) -> Finding {
    let text = format!("{:.1} GiB free for the data folder", gib(free_bytes));
    let advice = "make room, or move the folder with --data-dir";
    match free_bytes {
        0..DISK_BYTES_MIN => problem("disk", format!("{text}: {advice}")),
        DISK_BYTES_MIN..DISK_BYTES_LOW => warning("disk", format!("{text}: {advice}")),
        _ => ok("disk", text),
    }
}

#[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

pub(super) fn secrets(path: &Path) -> Finding {
    let check = "secrets";
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return ok(check, "none stored; programs use their own login, or run callboard init");
        }
        Err(error) => return problem(check, format!("{}: {error}", path.display())),
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let path = path.display();
        return problem(
            check,
            format!("others may read {path} (mode {mode:o}), so no node uses it: chmod 600 {path}"),
        );
    }
    ok(check, format!("{} is yours alone", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_that_others_may_read_are_a_problem() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("secrets.toml");
        assert_eq!(secrets(&path).level, "ok");
        fs::write(&path, "").expect("writable");
        for (mode, level) in [(0o600, "ok"), (0o640, "problem"), (0o644, "problem")] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mine");
            assert_eq!(secrets(&path).level, level, "{mode:o}");
        }
    }

    #[test]
    fn a_full_disk_is_a_problem() {
        let levels = [0, 1 << 30, 1 << 40].map(|free| judge_disk(free).level);
        assert_eq!(levels, ["problem", "warning", "ok"]);
    }

    #[test]
    fn a_data_folder_is_judged_by_its_rights() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(data_folder(&folder.path().join("new")).level, "ok");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("writable");
        assert_eq!(data_folder(&file).level, "problem");
        for (mode, level) in [(0o700, "ok"), (0o755, "warning")] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).expect("mine");
            assert_eq!(data_folder(folder.path()).level, level, "{mode:o}");
        }
    }
}
