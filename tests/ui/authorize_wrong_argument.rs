mod forum;

use forum::Forum;
use socketkit::{Handshake, Reject, Server, Socket};

async fn login(_: Handshake, _: Socket<Forum>) -> Result<(), Reject> {
    Ok(())
}

fn main() {
    drop(Server::<Forum>::new().authorize(login));
}
