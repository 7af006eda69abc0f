//! Sessions: the numbers of one, two sides of one over bad connections, and a server's.

#[cfg(all(feature = "macros", feature = "server"))]
mod client;
#[cfg(all(feature = "macros", feature = "server"))]
mod known;
mod numbers;
#[cfg(all(feature = "macros", feature = "server"))]
mod server;

use crate::session::model::{Model, Mutant};

/// Drives a session as bytes say: `WHAT BYTES..`.
///
/// # Panics
///
/// When its numbers are other than those of somebody who forgets nothing; when two sides of it lose,
/// double or reorder anything; and when a server does, to somebody who sends it whatever he likes.
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
        _ => server::serve(data),
        #[cfg(not(all(feature = "macros", feature = "server")))]
        _ => {}
    }
}
