mod forum;

use forum::{client_event::*, *};
use socketkit::{Server, State};

struct Posts;

async fn bad(_: Typing, _: State<Posts>) {}

fn main() {
    drop(Server::<Forum>::new().on(bad));
}
