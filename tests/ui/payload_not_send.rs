use serde::{Deserialize, Serialize};
use socketkit::Events;

#[derive(Serialize, Deserialize)]
pub struct Post(#[serde(skip)] std::marker::PhantomData<*const u8>);

#[derive(Events)]
pub enum ClientEvent {
    SubmitPost { post: Post },
}

fn main() {}
