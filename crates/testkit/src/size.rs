//! How large a test is: small in every run, full in a soak (`cargo xtask soak`).

/// The variable by which `cargo xtask soak` asks for full size.
pub const VARIABLE: &str = "CALLBOARD_SOAK";

/// How large a test is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Every run: seconds.
    Small,
    /// A soak: as long as it takes.
    Full,
}

impl Size {
    /// What this run asks for.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "tests have no configuration to read it from")]
    pub fn of_this_run() -> Self {
        match std::env::var_os(VARIABLE) {
            Some(_) => Self::Full,
            None => Self::Small,
        }
    }

    /// One of two numbers: of seeds, kills, rounds.
    #[must_use]
    pub fn pick(self, small: u32, full: u32) -> u32 {
        match self {
            Self::Small => small,
            Self::Full => full,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_pick_their_number() {
        assert_eq!(Size::Small.pick(20, 200), 20);
        assert_eq!(Size::Full.pick(20, 200), 200);
    }
}
