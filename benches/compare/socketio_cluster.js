// A node of Socket.IO with its Redis adapter, with their defaults but for the transport.
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const [host, port] = process.argv[2].split(":");
const publisher = createClient({ url: process.argv[3] });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);
const http = createServer();
const io = new Server(http, {
  adapter: createAdapter(publisher, subscriber),
  transports: ["websocket"],
  serveClient: false,
});
io.on("connection", socket => {
  socket.on("publish", post => io.emit("post_update", post));
  socket.on("publish_here", post => io.local.emit("post_update", post));
  socket.on("tell", ({ room, author, body }) => io.to(`${room}`).emit("post_update", { author, body }));
  socket.on("enter", async ({ room }) => {
    await socket.join(`${room}`);
    socket.emit("entered");
  });
});
http.listen(Number(port), host);
