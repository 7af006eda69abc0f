mod forum;

use forum::{client_event::*, *};
use socketkit::{Reject, Server};

async fn bad(_: SubmitPost) -> Result<String, Reject> {
    Ok("id".into())
}

fn main() {
    drop(Server::<Forum>::new().on(bad).on(watch).on(typing).listen("127.0.0.1:3000"));
}
