//! What every engine has to do, with real servers.

mod log;
mod messages;
mod tls;
mod trouble;

use super::{
    channel::{Channel, Interest},
    engine::{Change, Engine, EngineError, Line, Outgoing},
    server::{Certificate, Server},
};
use crate::NodeId;
use bytes::Bytes;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// For what has to come.
const SOON: Duration = Duration::from_secs(20);

/// An engine, and its server.
struct Kind {
    server: fn(&[&str]) -> Server,
    engine: fn(String) -> Box<dyn Engine>,
    /// Arguments with which it speaks TLS alone, with those whose certificate is the same as its own.
    tls: &'static [&'static str],
    /// Who has that certificate.
    with_certificate: fn(String, &Certificate) -> Box<dyn Engine>,
    /// Arguments with which the user `default` needs the password `right`.
    password: &'static [&'static str],
    /// Arguments with which it keeps what it is told to, when it is killed as well.
    durable: &'static [&'static str],
}

#[cfg(feature = "nats")]
const NATS: Kind = Kind {
    server: Server::nats,
    engine: |host| Box::new(super::nats::connect(format!("nats://{host}"))),
    tls: &["--tlsverify", "--tlscert", "CERT", "--tlskey", "KEY", "--tlscacert", "CERT"],
    with_certificate: |host, Certificate { path, key, .. }| {
        let engine = super::nats::connect(format!("tls://{host}")).tls_roots(path);
        Box::new(engine.tls_client_certificate(path, key))
    },
    password: &["--user", "default", "--pass", "right"],
    durable: &["-js", "-sd", "DIR"],
};

#[cfg(feature = "redis")]
const REDIS: Kind = Kind {
    server: Server::redis,
    engine: |host| Box::new(super::redis::connect(format!("redis://{host}"))),
    tls: [
        ["--port", "0", "--tls-port", "PORT"],
        ["--tls-cert-file", "CERT", "--tls-key-file", "KEY"],
        ["--tls-ca-cert-file", "CERT", "--tls-auth-clients", "yes"],
    ]
    .as_flattened(),
    with_certificate: |host, Certificate { path, key, .. }| {
        let engine = super::redis::connect(format!("rediss://{host}")).tls_roots(path);
        Box::new(engine.tls_client_certificate(path, key))
    },
    password: &["--requirepass", "right"],
    durable: &["--appendonly", "yes", "--appendfsync", "always"],
};

impl Kind {
    fn start(&self) -> (Server, Box<dyn Engine>) {
        let server = (self.server)(&[]);
        let engine = (self.engine)(format!("127.0.0.1:{}", server.port));
        (server, engine)
    }
}

/// One node.
struct Node(Line, Channel);

impl Node {
    async fn of(engine: &dyn Engine) -> Self {
        Self::of_cluster(engine, "forum").await
    }

    async fn of_cluster(engine: &dyn Engine, name: &str) -> Self {
        Self(engine.connect(name, None).await.unwrap(), Channel::Node(NodeId::new()))
    }

    /// Asks, and waits until the server knows: others may say something then.
    async fn begin(&mut self, interests: &[Interest]) {
        self.ask(&[interests, &[Interest::In(self.1)]].concat()).await;
        self.say(self.1, "begun").await;
        assert_eq!(self.hear(1).await, ["begun"]);
    }

    async fn ask(&mut self, interests: &[Interest]) {
        let changes = interests.iter().copied().map(Change::Begin).collect();
        self.0.publisher.subscribe(changes).await.unwrap();
    }

    async fn end(&mut self, interest: Interest) {
        self.0.publisher.subscribe(vec![Change::End(interest)]).await.unwrap();
    }

    async fn say(&mut self, channel: Channel, payload: impl Into<Bytes>) {
        self.0.publisher.publish(vec![message(channel, payload)]).await.unwrap();
    }

    /// The next so many messages, and no more than these.
    async fn hear(&mut self, count: usize) -> Vec<Bytes> {
        let mut heard = Vec::new();
        while heard.len() < count {
            let received = timeout(SOON, self.0.receiver.receive()).await;
            let received = received.unwrap_or_else(|_| panic!("{} of {count} came", heard.len()));
            let received = received.unwrap();
            assert!(!received.is_empty());
            heard.extend(received);
        }
        assert_eq!(heard.len(), count);
        heard
    }

    /// How it goes wrong, and after how long.
    async fn fail(&mut self) -> (EngineError, Duration) {
        let since = Instant::now();
        loop {
            match timeout(SOON, self.0.receiver.receive()).await.unwrap() {
                Ok(_) => {}
                Err(error) => return (error, since.elapsed()),
            }
        }
    }
}

fn message(channel: Channel, payload: impl Into<Bytes>) -> Outgoing {
    Outgoing { channel, payload: payload.into(), is_kept: false }
}

fn numbered(numbers: std::ops::Range<u32>) -> Vec<Bytes> {
    numbers.map(|number| number.to_string().into()).collect()
}

fn room(hash: u64) -> Interest {
    Interest::In(Channel::Room(hash))
}

const CONTROL: Interest = Interest::In(Channel::Control);

macro_rules! conformance {
    ($($module:ident: $($test:ident)*;)*) => {
        #[cfg(feature = "nats")]
        mod nats { $($(#[tokio::test] async fn $test() { super::$module::$test(&super::NATS).await; })*)* }
        #[cfg(feature = "redis")]
        mod redis { $($(#[tokio::test] async fn $test() { super::$module::$test(&super::REDIS).await; })*)* }
    };
}

conformance! {
    log:
    kept_messages_are_read_by_their_channels
    what_is_kept_survives_the_end_of_the_server
    of_two_who_claim_a_session_one_gets_it
    a_session_that_changed_is_not_claimed_by_its_old_number
    a_session_that_ended_is_not_there
    a_node_is_silent_since_it_was_there
    a_message_that_is_not_kept_is_an_error
    a_server_that_is_lost_ends_what_it_is_asked
    hundreds_of_channels_are_read_at_once
    messages_are_read_while_there_come_more
    nodes_that_want_different_logs_agree
    what_was_kept_before_a_time_is_not_read
    what_is_kept_next_has_a_number_behind_the_end
    without_a_log_nothing_is_kept;
    messages:
    messages_of_one_channel_come_in_order
    a_node_hears_only_what_it_asks_for
    nothing_comes_of_what_is_not_asked_for_any_more
    what_is_asked_for_again_comes_once
    a_node_hears_what_it_says_after_it_asked
    whoever_hears_that_a_node_asked_reaches_it
    clusters_of_two_names_do_not_hear_each_other
    thousands_of_channels_are_told_apart
    a_big_batch_arrives_whole
    a_receive_that_is_given_up_loses_nothing;
    tls:
    a_certificate_on_both_sides_opens
    a_certificate_that_is_not_trusted_is_an_error;
    trouble:
    a_line_without_messages_stays
    a_port_that_is_closed_is_an_error_at_once
    a_server_that_does_not_answer_is_an_error_in_time
    a_wrong_password_is_named_as_such
    a_right_password_opens
    the_end_of_the_server_ends_both_halves
    a_server_that_hangs_ends_both_halves
    a_half_that_is_dropped_ends_the_other;
}
