//! Reading and writing calendars.
