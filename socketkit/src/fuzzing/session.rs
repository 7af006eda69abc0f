//! Sessions: the numbers of one, two sides of one over bad connections, and a server's.

#[cfg(all(feature = "macros", feature = "server"))]
mod client;
#[cfg(all(feature = "macros", feature = "server"))]
mod known;
#[cfg(all(feature = "client", feature = "macros", feature = "server"))]
mod line;
mod numbers;
#[cfg(all(feature = "client", feature = "macros", feature = "server"))]
mod remote;
#[cfg(all(feature = "macros", feature = "server"))]
mod server;

use crate::session::model::{Model, Mutant};

/// Drives a session as bytes say: `WHAT BYTES..`.
///
/// # Panics
///
/// When its numbers are other than those of somebody who forgets nothing; when two sides of it lose,
/// double or reorder anything; and when a server does, to somebody who sends it whatever he likes, or a client does.
pub(crate) fn session(data: &[u8]) {
    let Some((what, data)) = data.split_first() else { return };
    match what % 4 {
        0 => numbers::hold(data),
        1 => {
            if let Err(broken) = Model::new(0, data, Mutant::None).run() {
                panic!("{broken}");
            }
        }
        #[cfg(all(feature = "macros", feature = "server"))]
        2 => server::serve(data),
        #[cfg(all(feature = "client", feature = "macros", feature = "server"))]
        3 => server::listen(data),
        _ => {}
    }
}
