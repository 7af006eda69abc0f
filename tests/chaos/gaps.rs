//! Sessions that end while much is on its way.

use crate::{
    stage::{Guest, Stage},
    track::{Course, Side},
};
use socketkit::{CloseCode, Gap};
use tests::{
    chat::until,
    proxy::{Cut, Way},
};

/// Frames that a server keeps, for one that comes back and for one that is away.
pub(crate) const WINDOW: usize = 256;
pub(crate) const QUEUE: usize = 100;

/// Events before a session ends, while it does, and until the next ends.
const BEFORE: u64 = 120;
const MEANWHILE: u64 = 40;
pub(crate) const EACH: u64 = 500;

/// How a session ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    /// Its client stays away for too long.
    Expired,
    /// Its client stays away while too much comes.
    TooSlow,
    /// More was sent than is kept, and did not arrive.
    Overflow,
    /// Its server restarts.
    Restarted,
}

pub(crate) const ENDINGS: [Ending; 4] =
    [Ending::Expired, Ending::TooSlow, Ending::Overflow, Ending::Restarted];

/// Ends so many sessions of a client, and waits until all has come that can.
pub(crate) async fn torment(guest: &mut Guest, stage: &Stage, endings: usize) {
    for at in 0..endings {
        let before = at as u64 * EACH;
        flow(guest, before + BEFORE / 2).await;
        // What the client says to have seen of these comes before these.
        flow(guest, before + BEFORE).await;
        let course = guest.track.now();
        end(guest, stage, ENDINGS[(guest.number + at) % ENDINGS.len()], before).await;
        // Until it has ended on its server too, the old session emits what is allowed.
        let is_over =
            |now: &Course| now.resets.len() > course.resets.len() && now.ended > course.ended;
        guest.reach(is_over).await;
    }
    flow(guest, endings as u64 * EACH + BEFORE).await;
    let is_over = |course: &Course, side: Side| course.over(side) == course.asked[side as usize];
    guest.reach(|course| course.both(|side| is_over(course, side))).await;
}

/// Emits so much, and waits until the last of it has come.
async fn flow(guest: &mut Guest, events: u64) {
    guest.track.allow(events);
    guest.reach(|course| course.both(|side| course.heard[side as usize] == events)).await;
}

async fn end(guest: &mut Guest, stage: &Stage, ending: Ending, before: u64) {
    let ended = guest.track.now().ended;
    let number = guest.number.to_string();
    let sockets = stage.nodes.sockets();
    let mut theirs =
        sockets.iter().filter(|socket| socket.handshake().query("guest") == Some(&*number));
    let socket = theirs.next().expect("it has a session");
    match ending {
        Ending::Expired | Ending::TooSlow => {
            guest.link.cut(Cut::Rst);
            guest.link = guest.proxy.accepted().await;
            until(|| !socket.is_connected()).await;
            let away = if matches!(ending, Ending::Expired) { BEFORE + MEANWHILE } else { EACH };
            guest.track.allow(before + away);
            guest.reach_quietly(|course| course.ended > ended).await;
        }
        Ending::Overflow => {
            guest.link.freeze(Way::Down);
            guest.track.allow(before + EACH);
            let is_sent = |course: &Course| course.emitted[Side::Down as usize] == before + EACH;
            guest.reach_quietly(is_sent).await;
            guest.link.cut(Cut::Rst);
            guest.link = guest.proxy.accepted().await;
        }
        Ending::Restarted => {
            guest.track.allow(before + BEFORE + MEANWHILE);
            socket.close_with(CloseCode::RESTART, "retry 1");
            guest.link = guest.proxy.accepted().await;
        }
    }
    guest.link.release();
}

/// What a client that lived so was told of, and what it was not.
pub(crate) fn check(course: &Course) -> u64 {
    let gaps = course.resets.len() as u64;
    assert_eq!((course.begun, course.ended), (gaps + 1, gaps), "{course:?}");
    let unconfirmed: u64 = course.resets.iter().map(|(_, unconfirmed)| unconfirmed).sum();
    assert!(course.missed[Side::Up as usize] <= unconfirmed, "{course:?}");
    for side in [Side::Up as usize, Side::Down as usize] {
        // One that was never sent has not run.
        let may_have_run = course.answered[side]..=course.answered[side] + course.lost[side];
        assert!(may_have_run.contains(&course.runs[side]), "{course:?}");
    }
    course.resets.iter().filter(|(reason, _)| *reason == Gap::Overflow).count() as u64
}
