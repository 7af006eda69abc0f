mod forum;

use forum::{Forum, client_event::*, submit_post};
use socketkit::{Server, Socket};

async fn watch(Watch(_): Watch, _: Socket<Forum>) {}
async fn typing(_: Typing) {}

fn main() {
    drop(Server::<Forum>::new().on(submit_post).on(watch).on(watch).on(typing).listen("127.0.0.1:3000"));
}
