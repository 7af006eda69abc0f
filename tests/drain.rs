//! A server that drains: what is at work is finished, everybody is told when to come back, load balancers
//! see it, and it ends in time.

#[path = "drain/scene.rs"]
mod scene;

#[path = "drain/farewell.rs"]
mod farewell;
#[path = "drain/many.rs"]
mod many;
#[path = "drain/port.rs"]
mod port;
