mod forum;

use forum::{client_event::*, *};
use socketkit::Server;

async fn bad(_: Typing, _: u32) {}

fn main() {
    drop(Server::<Forum>::new().on(bad));
}
