//! The queue by itself, with a transport that takes what a test lets it take.

use super::*;
use crate::turn::write;
use std::{
    io,
    task::{Context, Waker},
};

fn queue() -> Queue {
    let mut queue = Queue::new(Role::Server, true, None, Instant::now());
    queue.release();
    queue
}

fn push(queue: &mut Queue, text: &'static str, policy: Policy, limits: &Limits) -> Pushed {
    queue.push(text.as_bytes().into(), policy.into(), Kind::Emit, limits).0
}

/// Writes with a sink that takes `room` bytes; what it took.
fn drain(queue: &mut Queue, mut room: usize, limits: &Limits) -> String {
    let mut out = String::new();
    let Some(turn) = queue.take(true, limits) else {
        return out;
    };
    let written = write(turn.frames, turn.sent, |slices| {
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let all: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
        let taken = &all[..room.min(all.len())];
        room -= taken.len();
        out += std::str::from_utf8(taken).unwrap();
        Ok(taken.len())
    });
    queue.put_back(None, written, limits, Instant::now());
    out
}

#[test]
fn frames_go_out_in_order_whatever_the_transport_takes() {
    let (mut queue, limits) = (queue(), Limits::default());
    let mut out = String::new();
    for (at, text) in ["one", "two", "three", "four"].into_iter().enumerate() {
        push(&mut queue, text, Policy::Reliable, &limits);
        out += &drain(&mut queue, at, &limits);
    }
    assert_eq!(out + &drain(&mut queue, 99, &limits), "onetwothreefour");
    assert!(queue.is_empty());
}

#[test]
fn a_control_frame_goes_first_but_not_into_a_frame_that_has_begun() {
    let (mut queue, limits) = (queue(), Limits::default());
    push(&mut queue, "one", Policy::Reliable, &limits);
    push(&mut queue, "two", Policy::Reliable, &limits);
    let begun = drain(&mut queue, 1, &limits) + &drain(&mut queue, 0, &limits);
    queue.push_control((*b"!").into());
    assert_eq!(begun + &drain(&mut queue, 99, &limits), "one!two");
}

#[test]
fn control_frames_keep_their_order_whatever_is_being_written() {
    for taken in 0..8 {
        let (mut queue, limits) = (queue(), Limits::default());
        queue.push_control((*b"1").into());
        queue.push_control((*b"2").into());
        push(&mut queue, "one", Policy::Reliable, &limits);
        let turn = queue.take(true, &limits).unwrap();
        queue.push_control((*b"3").into());
        push(&mut queue, "two", Policy::Reliable, &limits);
        queue.push_control((*b"4").into());
        let mut out = String::new();
        let mut room = taken;
        let written = write(turn.frames, turn.sent, |slices| {
            let all: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
            let taken = &all[..room.min(all.len())];
            room -= taken.len();
            out += std::str::from_utf8(taken).unwrap();
            if taken.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken.len()) }
        });
        queue.put_back(None, written, &limits, Instant::now());
        out += &drain(&mut queue, 99, &limits);
        let controls: String = out.chars().filter(char::is_ascii_digit).collect();
        let texts: String = out.chars().filter(char::is_ascii_alphabetic).collect();
        assert_eq!((&*controls, &*texts), ("1234", "onetwo"), "{taken}: {out}");
    }
}

#[test]
fn a_control_frame_that_comes_while_others_are_written_is_not_behind_what_is_left_of_them() {
    for (taken, ends, all) in
        [(0, false, "!onetwo"), (1, false, "one!two"), (3, false, "one!two"), (3, true, "one!two#")]
    {
        let (mut queue, limits) = (queue(), Limits::default());
        push(&mut queue, "one", Policy::Reliable, &limits);
        push(&mut queue, "two", Policy::Reliable, &limits);
        let turn = queue.take(true, &limits).unwrap();
        queue.push_control((*b"!").into());
        if ends {
            queue.push_close((*b"#").into());
        }
        let mut out = String::new();
        let written = write(turn.frames, turn.sent, |slices| {
            if taken == out.len() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            out += std::str::from_utf8(&slices[0][..taken]).unwrap();
            Ok(taken)
        });
        queue.put_back(None, written, &limits, Instant::now());
        assert_eq!(out + &drain(&mut queue, 99, &limits), all);
        assert!(queue.is_empty());
    }
}

#[test]
fn control_frames_keep_their_order_and_of_pongs_the_newest_is_enough() {
    let pong = |text: &str| FrameBytes::from([b"\x8a", text.as_bytes()].concat());
    let (mut queue, limits) = (queue(), Limits::default().queue(3));
    for text in ["one", "two", "three"] {
        push(&mut queue, text, Policy::Reliable, &limits);
    }
    assert_eq!(drain(&mut queue, 1, &limits), "o");
    queue.push_control((*b"!").into());
    queue.push_pong(pong("a"), &limits);
    queue.push_control((*b"?").into());
    queue.push_pong(pong("b"), &limits);
    let turn = queue.take(true, &limits).unwrap();
    queue.push_control((*b";").into());
    queue.push_pong(pong("c"), &limits);
    let mut room = 1;
    let written = write(turn.frames, turn.sent, |_| {
        let taken = std::mem::take(&mut room);
        if taken == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    });
    queue.put_back(None, written, &limits, Instant::now());
    let rest: Vec<_> = queue.frames.iter().flat_map(|frame| frame.bytes.to_vec()).collect();
    assert_eq!(rest, b"one!?;\x8actwothree");
    assert_eq!((queue.count, queue.frames.len()), (7, 7));
}

#[test]
fn what_comes_while_others_are_written_is_left_to_who_writes_next_but_not_to_nobody() {
    #[derive(PartialEq)]
    enum Next {
        Flusher,
        Connection,
        Nobody,
    }
    let limits = Limits::default();
    let push = |queue: &mut Queue, text: &'static str| {
        queue.push(text.as_bytes().into(), Treatment::default(), Kind::Emit, &limits).1
    };
    for next in [Next::Flusher, Next::Connection, Next::Nobody] {
        let mut queue = queue();
        assert_eq!(push(&mut queue, "one"), Flush::Ask);
        let turn = queue.take(true, &limits).unwrap();
        if next == Next::Connection {
            queue.cork(std::task::Waker::noop());
        }
        let expected = if next == Next::Connection { Flush::Pending } else { Flush::Ask };
        assert_eq!(push(&mut queue, "two"), expected);
        assert_eq!(push(&mut queue, "three"), Flush::Pending);
        if next == Next::Nobody {
            // The flusher has come already.
            assert!(queue.take(true, &limits).is_none());
        }
        let written = write(turn.frames, turn.sent, |slices| Ok(slices[0].len()));
        let has_more = queue.put_back(None, written, &limits, Instant::now());
        assert_eq!(has_more, next == Next::Nobody);
        assert!(next != Next::Connection || !queue.uncork());
        assert_eq!(drain(&mut queue, 99, &limits), "twothree");
    }
}

#[test]
fn a_lagging_receiver_loses_volatile_and_keeps_the_latest() {
    let (mut queue, limits) = (queue(), Limits::default().queue(4));
    assert_eq!(push(&mut queue, "a", Policy::Latest, &limits), Pushed::Queued);
    assert_eq!(drain(&mut queue, 0, &limits), "");
    assert_eq!(push(&mut queue, "v", Policy::Volatile, &limits), Pushed::Dropped);
    for text in ["b", "c", "d"] {
        assert_eq!(push(&mut queue, text, Policy::Reliable, &limits), Pushed::Queued);
    }
    assert_eq!(push(&mut queue, "e", Policy::Latest, &limits), Pushed::Replaced);
    assert_eq!(drain(&mut queue, 99, &limits), "bcde");
}

#[test]
fn broadcasts_wait_for_the_snapshot() {
    let (mut queue, limits) =
        (Queue::new(Role::Server, true, None, Instant::now()), Limits::default());
    let live = FrameBytes::from(*b"live");
    queue.push(live, Treatment::default(), Kind::Broadcast, &limits);
    push(&mut queue, "snapshot ", Policy::Reliable, &limits);
    queue.release();
    assert_eq!(drain(&mut queue, 99, &limits), "snapshot live");
}

#[test]
fn the_close_frame_is_the_last() {
    let (mut queue, limits) = (queue(), Limits::default());
    push(&mut queue, "one ", Policy::Reliable, &limits);
    queue.push_close((*b"close").into());
    assert_eq!(push(&mut queue, "two", Policy::Reliable, &limits), Pushed::Closed);
    assert_eq!(drain(&mut queue, 99, &limits), "one close");
}

#[test]
fn a_receiver_that_takes_nothing_is_closed_when_its_queue_is_full() {
    let limits = Limits::default().queue(2).stall(std::time::Duration::ZERO);
    let mut queue = queue();
    push(&mut queue, "a", Policy::Reliable, &limits);
    drain(&mut queue, 0, &limits);
    assert_eq!(push(&mut queue, "b", Policy::Reliable, &limits), Pushed::Queued);
    assert_eq!(push(&mut queue, "c", Policy::Reliable, &limits), Pushed::Queued);
    assert!(queue.stalled(&limits).is_some_and(|deadline| deadline <= Instant::now()));
    queue.give_up();
    assert_eq!(push(&mut queue, "d", Policy::Reliable, &limits), Pushed::Closed);
    let waker = std::task::Waker::noop();
    let summons = queue.cork(waker).1;
    assert!(matches!(summons, Summons::Close(why) if why.code == crate::CloseCode::TOO_SLOW));
}

#[test]
fn a_receiver_that_still_reads_has_more_room_but_not_without_end() {
    let limits = Limits::default().queue(2).queue_hard_bytes(4);
    let mut queue = queue();
    for _ in 0..4 {
        assert_eq!(push(&mut queue, "x", Policy::Reliable, &limits), Pushed::Queued);
    }
    assert_eq!(push(&mut queue, "x", Policy::Reliable, &limits), Pushed::Closed);
}

#[test]
fn what_was_written_and_is_not_written_again_is_unconfirmed() {
    let (mut queue, limits, now) = (queue(), Limits::default(), Instant::now());
    push(&mut queue, "written", Policy::Reliable, &limits);
    assert_eq!(drain(&mut queue, 99, &limits), "written");
    drop(queue.lose(now));
    push(&mut queue, "waits", Policy::Reliable, &limits);
    queue.attach(None, now);
    assert_eq!(queue.resume(0), Some(2));
    queue.fail();
    let lost = queue.lost.take().unwrap();
    let reasons: Vec<_> = lost.frames.iter().map(|(bytes, reason)| (&**bytes, *reason)).collect();
    let known = [(&b"written"[..], Reason::Unconfirmed), (&b"waits"[..], Reason::Ended)];
    assert_eq!((reasons, lost.forgotten), (known.to_vec(), 0));
}

#[test]
fn a_connection_that_waits_to_take_over_is_not_forgotten_when_the_old_one_is_lost() {
    let mut queue = queue();
    queue.hold();
    drop(queue.lose(Instant::now()));
    assert!(matches!(queue.summons(), Summons::Gate(Gate::Held)));
}

#[test]
fn a_volatile_broadcast_that_is_held_is_dropped_with_its_connection() {
    let (limits, now) = (Limits::default(), Instant::now());
    let mut queue = Queue::new(Role::Server, true, None, now);
    for (text, policy) in [("one", Policy::Volatile), ("two", Policy::Reliable)] {
        let pushed = queue.push(text.as_bytes().into(), policy.into(), Kind::Broadcast, &limits);
        assert_eq!(pushed.0, Pushed::Queued);
    }
    drop(queue.lose(now));
    let lost = queue.lost.take().map(|lost| lost.frames).unwrap_or_default();
    assert_eq!(lost.iter().map(|(_, reason)| *reason).collect::<Vec<_>>(), [Reason::Volatile]);
    queue.release();
    queue.attach(None, now);
    assert_eq!(queue.resume(0), Some(1));
    assert_eq!(drain(&mut queue, 99, &limits), "two");
}

#[test]
fn no_connection_takes_the_place_of_another_before_its_writer_is_back() {
    let limits = Limits::default();
    for has_ended in [false, true] {
        let mut queue = Queue::new(Role::Client, true, None, Instant::now());
        let cx = &mut Context::from_waker(Waker::noop());
        queue.attach(None, Instant::now());
        queue.resume(0).unwrap();
        push(&mut queue, "one", Policy::Reliable, &limits);
        let turn = queue.take(true, &limits).unwrap();
        drop(queue.lose(Instant::now()));
        if has_ended {
            queue.fail();
        }
        queue.wakes = false;
        assert!(queue.poll_settled(cx).is_pending());
        let written = write(turn.frames, turn.sent, |slices| Ok(slices[0].len()));
        queue.put_back(None, written, &limits, Instant::now());
        assert!(queue.poll_settled(cx).is_ready());
        assert!(queue.wakes, "who waits for it is told");
        let again = (!has_ended).then_some(1);
        assert_eq!(queue.resume(0).filter(|_| !has_ended), again, "it may not have arrived");
    }
}

#[cfg(feature = "cluster")]
#[test]
fn what_a_session_missed_while_it_moved_comes_before_what_it_hears() {
    let limits = Limits::default();
    let packed = Packed { before: 0, sent: 0, frames: Vec::new() };
    let mut queue = Queue::unpack(packed, Instant::now());
    for (text, policy, kind) in [
        ("4", Policy::Reliable, Kind::Broadcast),
        ("5", Policy::Latest, Kind::Broadcast),
        ("1", Policy::Reliable, Kind::Missed),
        ("2", Policy::Latest, Kind::Missed),
        ("3", Policy::Latest, Kind::Missed),
    ] {
        queue.push(text.as_bytes().into(), policy.into(), kind, &limits);
    }
    queue.release();
    queue.attach(None, Instant::now());
    queue.resume(0).unwrap();
    assert_eq!(drain(&mut queue, 99, &limits), "1345");
}
