mod forum;

use forum::{client_event::*, *};
use socketkit::{Server, Socket};

async fn bad(_: Typing, socket: Socket<Forum>) {
    socket.emit(ClientEvent::Typing);
}

fn main() {
    drop(Server::<Forum>::new().on(bad));
}
