mod forum;

use forum::{client_event::*, *};
use socketkit::Server;

fn bad(_: Typing) {}

fn main() {
    drop(Server::<Forum>::new().on(bad));
}
