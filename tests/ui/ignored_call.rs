mod forum;

use forum::{Forum, client_event::SubmitPost};
use socketkit::Server;

fn main() {
    drop(Server::<Forum>::new().ignore::<SubmitPost>());
}
