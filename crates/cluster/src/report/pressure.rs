//! Linux pressure stall information: `/proc/pressure/{cpu,memory}`.

use std::fs;
use std::path::Path;

use callboard_placement::Pressure;

/// The pressure of a resource, where the system tells it.
pub(super) fn read(proc_root: &Path, resource: &str) -> Option<Pressure> {
    parse(&fs::read_to_string(proc_root.join("pressure").join(resource)).ok()?)
}

/// `some avg10=1.53 avg60=0.87 avg300=0.31 total=1234`, and the same for `full` (older kernels have
/// no `full` line for the processor).
fn parse(text: &str) -> Option<Pressure> {
    let avg10 = |kind: &str| {
        let line = text.lines().find(|line| line.starts_with(kind))?;
        let value = line.split_whitespace().find_map(|word| word.strip_prefix("avg10="))?;
        value.parse::<f64>().ok().filter(|value| value.is_finite())
    };
    Some(Pressure { some_avg10_pct: avg10("some")?, full_avg10_pct: avg10("full").unwrap_or(0.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_text_is_read() {
        let text = "some avg10=1.53 avg60=0.87 avg300=0.31 total=1\n\
                    full avg10=0.20 avg60=0.00 avg300=0.00 total=1\n";
        let wanted = Pressure { some_avg10_pct: 1.53, full_avg10_pct: 0.2 };
        assert_eq!(parse(text), Some(wanted));
        assert_eq!(
            parse("some avg10=2.00 avg60=0 avg300=0 total=0\n").map(|p| p.full_avg10_pct),
            Some(0.0)
        );
        for bad in ["", "some", "some avg10=x", "some avg10=NaN"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
