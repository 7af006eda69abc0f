mod forum;

use forum::{Forum, typing};
use socketkit::Server;

fn main() {
    drop(Server::<Forum>::new().fallback(typing));
}
