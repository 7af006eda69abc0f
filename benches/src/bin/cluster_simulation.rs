//! A cluster that is larger than what can be measured here, from the costs that were: what goes through its engine,
//! what each node and the engine take, and what is full first.
//!
//! Plain sums over expected values: members of a room are on nodes at random, each message is emitted on the node of
//! one of them, what one message costs does not depend on how many there are, and all cores can be used. `cluster` and
//! `compare` measure the costs.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)]

use clap::Parser;

/// Sums up a cluster
#[derive(Parser)]
struct Args {
    #[arg(long, default_value_t = 100.0)]
    nodes: f64,
    #[arg(long, default_value_t = 1_000_000.0)]
    sockets: f64,
    /// Bytes of what is emitted
    #[arg(long, default_value_t = 100.0)]
    payload: f64,
    #[command(flatten)]
    machines: Machines,
    #[command(flatten)]
    costs: Costs,
}

/// What there is of each
#[derive(Debug, Clone, clap::Args)]
struct Machines {
    /// Cores of a node
    #[arg(long, default_value_t = 4.0)]
    cores: f64,
    /// Cores that the engine can use: 1 of Redis
    #[arg(long, default_value_t = 8.0)]
    engine_cores: f64,
    /// Gigabits a second of each machine, in one direction
    #[arg(long, default_value_t = 10.0)]
    gigabits: f64,
    /// Rooms that a node listens to one by one: `Limits::routed_rooms`
    #[arg(long, default_value_t = 16_384.0)]
    routed_rooms: f64,
}

/// What was measured, by NATS
#[derive(Debug, Clone, clap::Args)]
struct Costs {
    /// Microseconds of a node for a delivery to one socket
    #[arg(long, default_value_t = 5.1)]
    delivery: f64,
    /// Microseconds of a node to handle an event, emit another, and hand it to the engine
    #[arg(long, default_value_t = 9.0)]
    emit: f64,
    /// Microseconds of a node to hear a message, without the deliveries
    #[arg(long, default_value_t = 7.0)]
    hear: f64,
    /// Microseconds of the engine to take a message: 1.3 by Redis
    #[arg(long, default_value_t = 3.0)]
    take: f64,
    /// Microseconds of the engine to hand it to one node: 1.3 by Redis
    #[arg(long, default_value_t = 3.0)]
    hand: f64,
    /// Bytes of a message beyond what is emitted
    #[arg(long, default_value_t = 220.0)]
    envelope: f64,
    /// Bytes of a delivery beyond what is emitted, with headers of TCP and IP
    #[arg(long, default_value_t = 130.0)]
    frame: f64,
    /// Bytes of a message by which a node says that it is there
    #[arg(long, default_value_t = 135.0)]
    beat: f64,
    /// KiB of a node for a socket that is silent
    #[arg(long, default_value_t = 1.65)]
    socket: f64,
    /// Bytes of a node for a room that it listens to: 410 by Redis
    #[arg(long, default_value_t = 5_500.0)]
    room: f64,
    /// Bytes of the engine for a room that one node listens to: 210 by Redis
    #[arg(long, default_value_t = 990.0)]
    subscription: f64,
}

/// Whom messages are for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Audience {
    /// A room of so many; each socket is in one.
    Room(f64),
    All,
}

/// What each second takes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Load {
    /// Messages that the engine takes, and hands on.
    taken: f64,
    handed: f64,
    bytes_in: f64,
    bytes_out: f64,
    /// Deliveries of one node.
    deliveries: f64,
    /// Cores that are busy.
    node: f64,
    engine: f64,
    /// Bytes that a node sends to its sockets.
    sent: f64,
}

/// What is there all the time.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rooms {
    /// Of all nodes together.
    count: f64,
    /// With somebody on one node.
    of_node: f64,
    /// A node hears of all rooms, since it has somebody in too many.
    is_everywhere: bool,
}

/// Nodes on which the members of a room are, on average.
fn nodes_of(members: f64, nodes: f64) -> f64 {
    nodes * (1.0 - (1.0 - 1.0 / nodes).powf(members))
}

impl Args {
    fn rooms(&self, audience: Audience) -> Rooms {
        let Audience::Room(members) = audience else {
            return Rooms { count: 0.0, of_node: 0.0, is_everywhere: false };
        };
        let count = self.sockets / members;
        let of_node = count * nodes_of(members, self.nodes) / self.nodes;
        Rooms { count, of_node, is_everywhere: of_node > self.machines.routed_rooms }
    }

    /// While nothing is emitted: every node says every second that it is there.
    fn still(&self) -> Load {
        self.carried(self.nodes, self.nodes, self.costs.beat, 0.0)
    }

    /// Of so many messages a second, beside [`still`](Self::still).
    fn emitted(&self, audience: Audience, rate: f64) -> Load {
        let (reached, receivers) = match audience {
            Audience::All => (self.nodes, self.sockets),
            Audience::Room(members) if self.rooms(audience).is_everywhere => (self.nodes, members),
            Audience::Room(members) => (nodes_of(members, self.nodes), members),
        };
        let bytes = self.payload + self.costs.envelope;
        let mut load = self.carried(rate, reached, bytes, self.costs.emit);
        load.deliveries = rate * receivers / self.nodes;
        load.node += load.deliveries * self.costs.delivery / 1e6;
        load.sent = load.deliveries * (self.payload + self.costs.frame);
        load
    }

    /// Of messages that each reach so many nodes.
    fn carried(&self, rate: f64, reached: f64, bytes: f64, emit: f64) -> Load {
        let handed = rate * reached;
        let Costs { hear, take, hand, .. } = self.costs;
        Load {
            taken: rate,
            handed,
            bytes_in: rate * bytes,
            bytes_out: handed * bytes,
            node: (rate * emit + handed * hear) / self.nodes / 1e6,
            engine: (rate * take + handed * hand) / 1e6,
            ..Load::default()
        }
    }

    /// Messages a second at which something is full, and what.
    fn most(&self, audience: Audience) -> (f64, &'static str) {
        let (still, one) = (self.still(), self.emitted(audience, 1.0));
        let bytes = self.machines.gigabits * 1e9 / 8.0;
        let full = |capacity: f64, of: fn(&Load) -> f64| (capacity - of(&still)) / of(&one);
        let each = [
            (full(self.machines.engine_cores, |load| load.engine), "the cores of the engine"),
            (full(bytes, |load| load.bytes_out), "the network of the engine"),
            (full(self.machines.cores, |load| load.node), "the cores of the nodes"),
            (full(bytes, |load| load.sent), "the network of the nodes"),
        ];
        each.into_iter().fold((f64::INFINITY, ""), |least, one| match one.0 < least.0 {
            true => one,
            false => least,
        })
    }

    /// Bytes of a node, and of the engine.
    fn memory(&self, rooms: Rooms) -> (f64, f64) {
        let heard = if rooms.is_everywhere { 1.0 } else { rooms.of_node };
        let sockets = self.sockets / self.nodes * self.costs.socket * 1024.0;
        let node = sockets + rooms.of_node * self.costs.room;
        (node, heard * self.nodes * self.costs.subscription)
    }

    fn print(&self, name: &str, audience: Audience, rate: f64) {
        let (rooms, still) = (self.rooms(audience), self.still());
        let load = self.emitted(audience, rate);
        let (node, engine) = self.memory(rooms);
        let (most, what) = self.most(audience);
        println!("{name}: {rate:.0} messages a second");
        println!(
            "  engine    {:>9.0} messages/s in, {:>9.0} out; {:.1} MB/s in, {:.1} out; {:.2} cores; {:.1} MB",
            load.taken + still.taken,
            load.handed + still.handed,
            (load.bytes_in + still.bytes_in) / 1e6,
            (load.bytes_out + still.bytes_out) / 1e6,
            load.engine + still.engine,
            engine / 1e6,
        );
        println!(
            "  each node {:>9.0} messages/s heard, {:>9.0} deliveries/s; {:.1} MB/s sent; {:.2} cores; {:.1} MB",
            (load.handed + still.handed) / self.nodes,
            load.deliveries,
            load.sent / 1e6,
            load.node + still.node,
            node / 1e6,
        );
        if rooms.count > 0.0 {
            let heard = if rooms.is_everywhere { "all" } else { "each by itself" };
            println!(
                "  rooms     {:>9.0}, of which a node has {:.0} and listens to {heard}",
                rooms.count, rooms.of_node
            );
        }
        println!("  full at   {most:>9.0} messages a second: {what}\n");
    }
}

fn main() {
    let args = Args::parse();
    let Args { nodes, sockets, payload, machines, costs } = &args;
    println!(
        "{nodes:.0} nodes, {sockets:.0} sockets, {payload:.0} bytes; {machines:?}; {costs:?}\n"
    );
    let still = args.still();
    println!(
        "nodes that say that they are there: {:.0} messages a second in, {:.0} out, {:.1} MB/s out; {:.2} cores of \
         the engine and {:.3} of each node\n",
        still.taken,
        still.handed,
        still.bytes_out / 1e6,
        still.engine,
        still.node,
    );
    args.print("rooms of 10, a message a minute of each", Audience::Room(10.0), sockets / 60.0);
    args.print("rooms of 1,000, one in ten minutes of each", Audience::Room(1e3), sockets / 600.0);
    args.print(
        "rooms of two, a message in ten seconds of each",
        Audience::Room(2.0),
        sockets / 10.0,
    );
    args.print("broadcasts to all", Audience::All, 10.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Args {
        Args::parse_from(["cluster_simulation"].into_iter().chain(line.split_whitespace()))
    }

    fn close(one: f64, other: f64) {
        assert!((one - other).abs() <= other.abs() * 1e-9, "{one} is not {other}");
    }

    #[test]
    fn a_room_is_on_as_many_nodes_as_the_average_of_all_placements() {
        // Each of three members on each of three nodes.
        let places = (0..27).map(|at| [at % 3, at / 3 % 3, at / 9]);
        let nodes = places.map(|place| (0..3).filter(|node| place.contains(node)).count());
        close(nodes_of(3.0, 3.0), nodes.sum::<usize>() as f64 / 27.0);
        close(nodes_of(1.0, 100.0), 1.0);
        close(nodes_of(5.0, 1.0), 1.0);
    }

    #[test]
    fn a_small_cluster_is_what_one_adds_up_by_hand() {
        let costs =
            "--delivery 2 --emit 10 --hear 5 --take 3 --hand 1 --envelope 50 --frame 100 --beat 20";
        let args = args(&format!("--nodes 2 --sockets 8 --payload 30 {costs}"));
        // Two nodes say so to two nodes.
        let still = args.still();
        assert_eq!((still.taken, still.handed, still.bytes_out), (2.0, 4.0, 80.0));
        close(still.engine, (2.0 * 3.0 + 4.0) / 1e6);
        close(still.node, 4.0 * 5.0 / 2.0 / 1e6);
        // Ten broadcasts to two nodes of four sockets.
        let load = args.emitted(Audience::All, 10.0);
        assert_eq!((load.taken, load.handed, load.deliveries), (10.0, 20.0, 40.0));
        assert_eq!((load.bytes_in, load.bytes_out, load.sent), (800.0, 1600.0, 5200.0));
        close(load.node, (10.0 * 10.0 + 20.0 * 5.0) / 2.0 / 1e6 + 40.0 * 2.0 / 1e6);
        close(load.engine, (10.0 * 3.0 + 20.0) / 1e6);
    }

    #[test]
    fn a_node_with_too_many_rooms_hears_of_all() {
        let few = args("--nodes 10 --sockets 1000 --routed-rooms 200");
        let many = args("--nodes 10 --sockets 1000 --routed-rooms 100");
        let audience = Audience::Room(2.0);
        // 500 rooms, of which 1 - 0.9² are on a node.
        close(few.rooms(audience).of_node, 95.0);
        assert!(!many.rooms(audience).is_everywhere);
        let alone = Audience::Room(1.0);
        close(few.rooms(alone).of_node, 100.0);
        let fewer = args("--nodes 10 --sockets 1000 --routed-rooms 90");
        assert!(fewer.rooms(audience).is_everywhere);
        close(few.emitted(audience, 1.0).handed, 1.9);
        close(fewer.emitted(audience, 1.0).handed, 10.0);
        close(fewer.emitted(audience, 1.0).deliveries, few.emitted(audience, 1.0).deliveries);
    }

    #[test]
    fn it_is_full_where_the_first_of_its_parts_is() {
        for (line, audience, what) in [
            ("--engine-cores 0.2", Audience::Room(10.0), "the cores of the engine"),
            ("--gigabits 0.1 --envelope 5000", Audience::Room(10.0), "the network of the engine"),
            ("--cores 0.02", Audience::Room(10.0), "the cores of the nodes"),
            ("--gigabits 0.2", Audience::All, "the network of the nodes"),
        ] {
            let args = args(line);
            let (most, found) = args.most(audience);
            assert_eq!(found, what, "{line}");
            let load = args.emitted(audience, most);
            let still = args.still();
            let Machines { cores, engine_cores, gigabits, .. } = args.machines;
            let bytes = gigabits * 1e9 / 8.0;
            let shares = [
                (load.engine + still.engine) / engine_cores,
                (load.bytes_out + still.bytes_out) / bytes,
                (load.node + still.node) / cores,
                load.sent / bytes,
            ];
            close(shares.into_iter().fold(0.0, f64::max), 1.0);
        }
    }
}
