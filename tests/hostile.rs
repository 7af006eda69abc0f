//! Bad input: what the peer gets for it, and that nobody else notices.

#[path = "hostile/scene.rs"]
mod scene;

#[path = "hostile/floods.rs"]
mod floods;
#[path = "hostile/frames.rs"]
mod frames;
#[path = "hostile/framing.rs"]
mod framing;
#[path = "hostile/handshakes.rs"]
mod handshakes;
#[path = "hostile/servers.rs"]
mod servers;
