//! A point in time in half the room of an `Instant`, and none for none: an idle socket keeps several.

use std::{
    num::NonZeroU64,
    sync::OnceLock,
    time::{Duration, Instant},
};

/// Nanoseconds since a day before the first that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(NonZeroU64);

/// What moments are counted from, so that those shortly before the first are not negative.
fn origin(first: Instant) -> Instant {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(|| first.checked_sub(DAY).unwrap_or(first))
}

impl From<Instant> for Moment {
    fn from(instant: Instant) -> Self {
        let nanos = instant.saturating_duration_since(origin(instant)).as_nanos();
        let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
        Self(NonZeroU64::new(nanos).unwrap_or(NonZeroU64::MIN))
    }
}

impl From<tokio::time::Instant> for Moment {
    fn from(instant: tokio::time::Instant) -> Self {
        instant.into_std().into()
    }
}

impl From<Moment> for Instant {
    fn from(moment: Moment) -> Self {
        origin(Self::now()) + Duration::from_nanos(moment.0.get())
    }
}

impl From<Moment> for tokio::time::Instant {
    fn from(moment: Moment) -> Self {
        Instant::from(moment).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_the_instant_that_it_was_made_of() {
        let now = Instant::now();
        for instant in [now, now + Duration::from_secs(1 << 31), now - Duration::from_millis(1)] {
            assert_eq!(Instant::from(Moment::from(instant)), instant);
        }
        assert!(Moment::from(now) < Moment::from(now + Duration::from_nanos(1)));
        assert_eq!(size_of::<Option<Moment>>(), 8);
    }
}
