mod forum;

use forum::{client_event::*, *};
use socketkit::Server;

async fn bad(_: Typing) {
    let x = std::rc::Rc::new(1);
    std::future::ready(()).await;
    drop(x);
}

fn main() {
    drop(Server::<Forum>::new().on(bad));
}
