// uWebSockets as Bun carries it, with JSON in the frames of socketkit.v1.json.
const [hostname, port] = process.argv[2].split(":");
const server = Bun.serve({
  hostname,
  port: Number(port),
  fetch: (request, server) => (server.upgrade(request) ? undefined : new Response("")),
  websocket: {
    perMessageDeflate: false,
    open: socket => socket.subscribe("all"),
    message(_, text) {
      const { event, data } = JSON.parse(text);
      if (event === "publish") server.publish("all", JSON.stringify({ event: "post_update", data }));
    },
  },
});
