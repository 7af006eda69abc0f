mod forum;

use forum::{ClientEvent, Forum, submit_post};
use socketkit::Server;

fn main() {
    let server = Server::<Forum>::new().fallback(async |_: ClientEvent| {}).on(submit_post);
    drop(server.fallback(async |_: ClientEvent| {}));
}
