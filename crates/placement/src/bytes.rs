//! Amounts as people read them.

/// `1.5 GiB`, `512 MiB`, `17 B`: at most one decimal, rounded down so that "free" never promises
/// more than there is.
pub(crate) fn human(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] =
        [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    for (unit, size) in UNITS {
        if bytes >= size {
            return decimal(bytes / size, bytes % size * 10 / size, unit);
        }
    }
    format!("{bytes} B")
}

/// `2 CPUs`, `0.5 CPUs`: thousandths rounded down to hundredths.
pub(crate) fn cpus(millis: u64) -> String {
    let (whole, hundredths) = (millis / 1_000, millis % 1_000 / 10);
    match hundredths {
        0 if whole == 1 => "1 CPU".to_owned(),
        0 => format!("{whole} CPUs"),
        n if n % 10 == 0 => format!("{whole}.{} CPUs", n / 10),
        n => format!("{whole}.{n:02} CPUs"),
    }
}

fn decimal(whole: u64, tenth: u64, unit: &str) -> String {
    match tenth {
        0 => format!("{whole} {unit}"),
        _ => format!("{whole}.{tenth} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_write_them() {
        assert_eq!(human(17), "17 B");
        assert_eq!(human(512 << 20), "512 MiB");
        assert_eq!(human((1 << 30) + (1 << 29)), "1.5 GiB");
        assert_eq!(cpus(500), "0.5 CPUs");
        assert_eq!(cpus(1_000), "1 CPU");
        assert_eq!(cpus(2_000), "2 CPUs");
        assert_eq!(cpus(250), "0.25 CPUs");
        assert_eq!(cpus(50), "0.05 CPUs");
    }
}
