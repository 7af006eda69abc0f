mod forum;

#[allow(unused_imports)]
use forum::{client_event::*, *};
use socketkit::Server;

fn main() {
    drop(Server::<Forum>::new().on(submit_post).on(watch).on(watch).on(typing).listen("127.0.0.1:3000"));
}
