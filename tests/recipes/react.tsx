import { useSyncExternalStore } from "react";
import { createRoot } from "react-dom/client";
import { connect } from "/ws/client.js";
import type { Store } from "/ws/socketkit.js";

const socket = connect();

function useStore<T>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, () => store.value);
}

function Visitors() {
  const visitors = useStore(socket.latest("visitors"));
  const state = useStore(socket.state);
  return <p>{visitors?.online ?? "…"} online{state == "waiting" && ", reconnecting"}</p>;
}

createRoot(document.querySelector("#app")!).render(<Visitors />);
