use serde::Serialize;

#[derive(Serialize)]
struct Post {
    #[serde(with = "socketkit::as_string")]
    score: f64,
}

fn main() {}
