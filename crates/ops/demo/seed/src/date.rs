//! Days and minutes, without time zones: strangers agree on the place first.

use std::fmt;

const MINUTES_PER_DAY: i64 = 24 * 60;

/// A minute of the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// Since 1970-01-01 00:00.
    minutes: i64,
}

impl Moment {
    /// `None` where there is no such minute.
    pub fn new(year: i64, month: i64, day: i64, hour: i64, minute: i64) -> Option<Self> {
        let in_range = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && (0..24).contains(&hour)
            && (0..60).contains(&minute);
        let minutes = days_from_civil(year, month, day) * MINUTES_PER_DAY + hour * 60 + minute;
        in_range.then_some(Self { minutes })
    }

    /// Reads `2026-03-01 18:30`.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, time) = text.split_once(' ')?;
        let mut date = date.splitn(3, '-').map(number);
        let (hour, minute) = time.split_once(':')?;
        Self::new(
            date.next()??,
            date.next()??,
            date.next()??,
            number(hour)?,
            number(minute)?,
        )
    }

    /// Year, month and day.
    pub fn date(self) -> (i64, i64, i64) {
        civil_from_days(self.minutes.div_euclid(MINUTES_PER_DAY))
    }

    /// Hour and minute.
    pub fn time(self) -> (i64, i64) {
        let minutes = self.minutes.rem_euclid(MINUTES_PER_DAY);
        (minutes / 60, minutes % 60)
    }

    pub fn plus_minutes(self, minutes: i64) -> Self {
        Self {
            minutes: self.minutes + minutes,
        }
    }

    pub fn plus_days(self, days: i64) -> Self {
        self.plus_minutes(days * MINUTES_PER_DAY)
    }

    /// The same day of another month, `None` where that month is too short.
    pub fn plus_months(self, months: i64) -> Option<Self> {
        let (year, month, day) = self.date();
        let month = year * 12 + month - 1 + months;
        let (hour, minute) = self.time();
        Self::new(
            month.div_euclid(12),
            month.rem_euclid(12) + 1,
            day,
            hour,
            minute,
        )
    }

    /// How many minutes from `earlier` to this one.
    pub fn minutes_since(self, earlier: Self) -> i64 {
        self.minutes - earlier.minutes
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        let (hour, minute) = self.time();
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
    }
}

fn number(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01; years begin in March, so that the leap day is their last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_back() {
        for text in [
            "1970-01-01 00:00",
            "2000-02-29 23:59",
            "2026-12-31 08:05",
            "1899-03-01 12:00",
        ] {
            assert_eq!(Moment::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "2026-02-29 10:00",
            "2026-13-01 10:00",
            "2026-1-1",
            "2026-01-01 24:00",
            "+1-1-1 0:0",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }

    #[test]
    fn days_and_months_add_up() {
        let moment = Moment::parse("2026-01-31 10:00").unwrap();
        assert_eq!(moment.plus_days(1).to_string(), "2026-02-01 10:00");
        assert_eq!(moment.plus_months(1), None);
        assert_eq!(
            moment.plus_months(12).unwrap().to_string(),
            "2027-01-31 10:00"
        );
        assert_eq!(moment.plus_days(365).minutes_since(moment), 365 * 24 * 60);
    }
}
