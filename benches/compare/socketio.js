// Socket.IO on Node, with its defaults but for the transport.
import { createServer } from "node:http";
import { Server } from "socket.io";

const [host, port] = process.argv[2].split(":");
const http = createServer();
const io = new Server(http, { transports: ["websocket"], serveClient: false });
io.on("connection", socket => {
  socket.on("publish", post => io.emit("post_update", post));
});
http.listen(Number(port), host);
