//! The task of a node: connects to its engine, again and again, for as long as there is its server.

use super::{
    durable,
    shared::{Others, Shared},
    status::ClusterStatus,
    talk::Talk,
};
use crate::{Protocol, hub::Hub, peer::lock};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{sleep, timeout},
};

/// Time to make a connection.
const CONNECT: Duration = Duration::from_secs(8);

/// Pauses between attempts: twice as long each time.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Starts the task of a hub, unless it has one or is alone.
pub(crate) fn start<P: Protocol>(hub: &Arc<Hub<P>>, runtime: &Handle) {
    let Some(shared) = hub.cluster.get().map(|joined| joined.shared.clone()) else { return };
    if shared.begins(runtime) {
        let talk = Talk::new(hub, shared.clone());
        let (alive, over) = watch::channel(());
        let _ = shared.over.set(over);
        runtime.spawn(async move {
            run(talk, &shared).await;
            // Nobody tells of them any more; who comes by may still have a session there.
            let mut others = lock(&shared.others);
            *others = Others { are_open: others.are_open, ..Others::default() };
            drop(others);
            drop(alive);
        });
    }
}

async fn run<P: Protocol>(mut talk: Talk<P>, shared: &Shared) {
    let log = shared.durable.as_ref().map(|_| durable::log(&shared.limits));
    let mut pause = PAUSES.0;
    loop {
        let connecting = timeout(CONNECT, shared.engine.connect(&shared.name, log));
        let connected = tokio::select! {
            biased;
            () = shared.closed.notified() => return,
            connected = connecting => connected,
            never = talk.wait() => match never {},
        };
        let why = match connected {
            Ok(Ok(line)) => {
                let (why, was_up) = talk.hold(line).await;
                if was_up {
                    pause = PAUSES.0;
                }
                why
            }
            Ok(Err(why)) => why,
            Err(_) => format!("it did not answer within {} s", CONNECT.as_secs()).into(),
        };
        if shared.is_closed.load(Ordering::Acquire) {
            return;
        }
        let engine = shared.engine.name();
        let was = *shared.status.borrow();
        if was == ClusterStatus::Connected {
            shared.turn(ClusterStatus::Degraded);
            // Once, and not for each attempt.
            tracing::warn!(engine, error = %why, node = %shared.node, "the engine of the cluster was lost");
        } else {
            if was == ClusterStatus::Connecting && shared.failed.borrow().is_none() {
                tracing::error!(engine, error = %why, "the engine of the cluster cannot be reached");
            }
            tracing::debug!(engine, error = %why, "the engine cannot be reached");
        }
        shared.failed.send_replace(Some(why.to_string()));
        talk.lose();
        // Nodes that lost it together do not come back together.
        let jitter = 0.5 + rand::random::<f64>() / 2.0;
        tokio::select! {
            biased;
            () = shared.closed.notified() => return,
            () = sleep(pause.mul_f64(jitter)) => {}
            never = talk.wait() => match never {},
        }
        pause = (pause * 2).min(PAUSES.1);
    }
}
