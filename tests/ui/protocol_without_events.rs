use socketkit::Protocol;

#[derive(Protocol)]
pub struct Forum;

fn main() {}
