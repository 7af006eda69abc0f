mod forum;

#[allow(unused_imports)]
use forum::{client_event::*, *};
use socketkit::Server;

async fn bad(_: server_event::History) {}

fn main() {
    drop(Server::<Forum>::new().on(bad));
}
