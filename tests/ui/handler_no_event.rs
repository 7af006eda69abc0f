mod forum;

#[allow(unused_imports)]
use forum::{client_event::*, *};
use socketkit::{Server, Socket};

async fn bad(_: Socket<Forum>) {}

fn main() {
    drop(Server::<Forum>::new().on(bad));
}
