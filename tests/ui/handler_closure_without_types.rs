mod forum;

use forum::{client_event::*, *};
use socketkit::Server;

fn main() {
    drop(Server::<Forum>::new().on(async |_: Typing, socket| socket.close()));
}
