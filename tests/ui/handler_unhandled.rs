mod forum;

use forum::{Forum, client_event::*, submit_post};
use socketkit::{Server, Socket};

async fn watch(Watch(_): Watch, _: Socket<Forum>) {}
#[allow(dead_code)]
async fn typing(_: Typing) {}

fn main() {
    drop(Server::<Forum>::new()
        .on(submit_post)
        .on(watch)
        .listen("127.0.0.1:3000"));
}
