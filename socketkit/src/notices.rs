//! What the application is yet to be told of a session whose connection was lost, or is there again.

use crate::Disconnect;

/// See the module. An idle socket owns no memory for it.
#[derive(Debug, Default)]
pub(crate) struct Notices(Option<Box<Pending>>);

#[derive(Debug, Default)]
struct Pending {
    suspended: Option<Disconnect>,
    /// How many frames were sent again.
    resumed: Option<u64>,
    /// The application was told that the connection is lost, and not yet that there is another.
    is_away: bool,
}

/// What it is told next.
#[derive(Debug, PartialEq)]
pub(crate) enum Notice {
    Suspended(Disconnect),
    Resumed(u64),
}

impl Notices {
    /// The connection is lost. A return of which the application does not know is over.
    pub(crate) fn suspended(&mut self, why: Disconnect) {
        let pending = self.0.get_or_insert_default();
        pending.resumed = None;
        if !pending.is_away {
            pending.suspended.get_or_insert(why);
        }
    }

    /// There is another.
    pub(crate) fn resumed(&mut self, replayed: u64) {
        self.0.get_or_insert_default().resumed = Some(replayed);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|pending| pending.suspended.is_none() && pending.resumed.is_none())
    }

    pub(crate) fn next(&mut self) -> Option<Notice> {
        let pending = self.0.as_mut()?;
        if let Some(why) = pending.suspended.take() {
            pending.is_away = true;
            return Some(Notice::Suspended(why));
        }
        let resumed = pending.resumed.take();
        pending.is_away &= resumed.is_none();
        if !pending.is_away {
            self.0 = None;
        }
        resumed.map(Notice::Resumed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CloseCode;

    #[test]
    fn what_was_not_told_in_time_and_is_over_is_not_told() {
        let (mut notices, lost) = (Notices::default(), Disconnect::from(CloseCode::LOST));
        let all = |notices: &mut Notices| std::iter::from_fn(|| notices.next()).collect::<Vec<_>>();
        notices.suspended(lost.clone());
        notices.resumed(1);
        notices.suspended(lost.clone());
        notices.resumed(2);
        assert_eq!(all(&mut notices), [Notice::Suspended(lost.clone()), Notice::Resumed(2)]);
        notices.suspended(lost.clone());
        assert_eq!(all(&mut notices), [Notice::Suspended(lost.clone())]);
        notices.resumed(3);
        notices.suspended(lost.clone());
        assert_eq!(all(&mut notices), [], "it was told that the connection is lost");
        notices.resumed(4);
        assert_eq!(all(&mut notices), [Notice::Resumed(4)]);
        notices.resumed(5);
        notices.suspended(lost.clone());
        assert_eq!(
            all(&mut notices),
            [Notice::Suspended(lost)],
            "a return over a living connection"
        );
        assert!(notices.is_empty());
    }
}
