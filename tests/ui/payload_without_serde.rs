use serde::Serialize;
use socketkit::Events;

pub struct Neither;

#[derive(Serialize)]
pub struct OneWay;

#[derive(Events)]
pub enum ClientEvent {
    Named { field: Neither },
    Newtype(OneWay),
}

fn main() {}
