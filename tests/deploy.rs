//! Nodes of a cluster that stop, to be replaced: their clients go on on other nodes.

#[path = "deploy/keeping.rs"]
mod keeping;
#[path = "deploy/rolling.rs"]
mod rolling;
#[path = "deploy/scene.rs"]
mod scene;
