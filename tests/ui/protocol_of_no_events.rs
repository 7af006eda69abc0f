use socketkit::Protocol;

pub struct Post;

#[derive(Protocol)]
#[protocol(client = Post)]
pub struct Forum;

fn main() {}
