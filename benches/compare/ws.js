// ws on Node, with JSON in the frames of socketkit.v1.json.
import { WebSocketServer } from "ws";

const [host, port] = process.argv[2].split(":");
const server = new WebSocketServer({ host, port: Number(port), perMessageDeflate: false });
server.on("connection", socket => {
  socket.on("message", bytes => {
    const { event, data } = JSON.parse(bytes);
    if (event !== "publish") return;
    const text = JSON.stringify({ event: "post_update", data });
    for (const peer of server.clients) peer.send(text);
  });
});
