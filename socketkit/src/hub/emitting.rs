//! How a hub queues what is emitted: encoded once, for the sockets that are here and for other nodes.

use super::{Hub, Of, Selection};
use crate::{
    Delivery, EmitError, Events, Policy, Protocol, SocketId,
    cluster::{Forward, Scope},
    delivery::{Kind, Pushed},
    flusher::write,
    frame::{Draft, FrameBytes},
    inspect::Inspected,
    payload,
    peer::{Peer, lock},
    treatment::Treatment,
    turn::Flush,
    wire,
};
use std::sync::Arc;
use tokio_tungstenite::tungstenite::protocol::Role;

impl<P: Protocol> Hub<P> {
    /// Encodes an event once and queues it for every socket of a selection, here and on other nodes within its
    /// scope.
    pub(crate) fn emit(
        &self,
        selection: &Selection<P::Room>,
        event: P::Server,
        scope: Scope,
    ) -> Delivery {
        let index = event.index();
        let is_stopping = self.stopping.is_silent();
        let delivery = if is_stopping && self.is_alone(scope) {
            // As if all were closed: else each that leaves might tell all that are still there.
            Delivery { closed: self.count(selection), ..Delivery::default() }
        } else {
            let is_placed = self.is_durable(scope);
            let Some((mut frame, treatment)) = self.encode(None, event, is_placed) else {
                return Delivery::default();
            };
            let forward = self.forward_event(selection, &frame, (treatment, index), scope);
            if is_stopping {
                let forwarded = forward.send(&mut frame);
                Delivery { closed: self.count(selection), forwarded, ..Delivery::default() }
            } else {
                self.deliver(selection, &frame, treatment, forward)
            }
        };
        self.counters.emitted(index, delivery);
        delivery
    }

    /// Queues a frame for the sockets of a selection that are here. Queues are filled under one lock, so two
    /// emits reach all receivers that they share in the same order, and other nodes too.
    pub(crate) fn deliver(
        &self,
        selection: &Selection<P::Room>,
        frame: &FrameBytes,
        treatment: Treatment,
        forward: Forward<'_>,
    ) -> Delivery {
        self.queue(selection, frame, treatment, selection.kind(), forward)
    }

    fn queue(
        &self,
        selection: &Selection<P::Room>,
        frame: &FrameBytes,
        treatment: Treatment,
        kind: Kind,
        forward: Forward<'_>,
    ) -> Delivery {
        let mut delivery = Delivery::default();
        let (mut ask, mut now, mut wake) = (Vec::new(), Vec::new(), Vec::new());
        let mut frame = frame.clone();
        let members = lock(&self.members);
        delivery.forwarded = forward.send(&mut frame);
        members.each(selection, |peer| {
            let (pushed, flush, signals) = peer.push_quietly(frame.clone(), treatment, kind);
            delivery.count(pushed);
            if !signals.is_empty() {
                wake.push(signals);
            }
            match flush {
                Flush::Pending => {}
                Flush::Ask => ask.push(peer.clone()),
                Flush::Now => now.push(peer.clone()),
            }
        });
        drop(members);
        drop(wake);
        self.flusher.ask_all(ask);
        write(&now);
        delivery
    }

    /// Queues an event for one socket.
    pub(crate) fn emit_to(&self, peer: &Arc<Peer>, event: P::Server) -> Delivery {
        let index = event.index();
        let is_durable = self.is_durable(Scope::Everywhere);
        let Some((frame, treatment)) = self.encode(Some(peer.id), event, is_durable) else {
            return Delivery::default();
        };
        let (selection, to) = (Selection::of(Of::Socket(peer.id)), (treatment, index));
        let forward = || self.forward_event(&selection, &frame, to, Scope::Everywhere);
        let is_placed = is_durable && treatment.policy != Policy::Volatile;
        let (delivery, flush) = match is_placed {
            // Whether it is kept is decided when nobody else emits.
            true => {
                let forward = forward().if_kept(peer.id);
                let delivery = self.queue(&selection, &frame, treatment, Kind::Emit, forward);
                (delivery, Flush::Pending)
            }
            false => {
                let (pushed, flush) = peer.push(frame.clone(), treatment, Kind::Emit);
                (Delivery::of(pushed), flush)
            }
        };
        let delivery = match delivery.is_nowhere() {
            // Since just now perhaps, and it may have come back.
            true if peer.is_elsewhere() => self.deliver(&selection, &frame, treatment, forward()),
            true => Delivery::of(Pushed::Closed),
            false => delivery,
        };
        self.counters.emitted(index, delivery);
        self.flusher.flush(peer, flush);
        delivery
    }

    /// The frame of an event, made once; `None` if it does not serialise, or is too long. It has room for its place
    /// among all of this node if that `is_placed`.
    fn encode(
        &self,
        socket: Option<SocketId>,
        event: P::Server,
        is_placed: bool,
    ) -> Option<(FrameBytes, Treatment)> {
        let (index, name, treatment) = (event.index(), event.name(), Treatment::of(&event));
        let hooks = self.hooks();
        let mut draft = Draft::new(128);
        let data = |out: &mut Vec<u8>| payload::encode(event, out);
        let written = match is_placed && treatment.policy != Policy::Volatile {
            true => wire::write_placed(draft.out(), name, data),
            false => wire::write_event(draft.out(), name, None, data),
        };
        match written {
            Ok(()) => {
                hooks.inspect(|| Inspected::sent(socket, name, &draft));
                Some((draft.finish(Role::Server), treatment))
            }
            Err(unfit) => {
                self.counters.failed(index);
                hooks.error(&EmitError { event: name, source: unfit.into() });
                None
            }
        }
    }
}
