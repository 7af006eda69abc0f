use socketkit::Protocol;

#[derive(Protocol)]
#[protocol(room = u64)]
pub struct Forum;

fn main() {}
