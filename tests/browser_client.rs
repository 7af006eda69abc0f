//! The browser client in a real browser, against a server that does what each test tells it.

#[path = "browser_client/scene.rs"]
mod scene;

#[path = "browser_client/away.rs"]
mod away;
#[path = "browser_client/calls.rs"]
mod calls;
#[path = "browser_client/connection.rs"]
mod connection;
#[path = "browser_client/events.rs"]
mod events;
#[path = "browser_client/modules.rs"]
mod modules;
#[path = "browser_client/page.rs"]
mod page;
#[path = "browser_client/places.rs"]
mod places;
#[path = "browser_client/resume.rs"]
mod resume;
#[path = "browser_client/window.rs"]
mod window;
