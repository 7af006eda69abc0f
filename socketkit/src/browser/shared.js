/** A page's end of the connection that all tabs of a browser share, in the shape of a WebSocket. */

/** The sessions that this page has been in, by URL. */
const known = new Set();

/**
 * Joins the worker that has the connection to `url`. `greet` is told how that fares. Rejects where
 * there are no such workers.
 */
export const attach = (link, url, contract, greet, store) =>
  new Promise((_, reject) => {
    const worker = new SharedWorker(new URL("worker.js", import.meta.url), { type: "module", name: url });
    const { port } = worker;
    const lock = crypto.randomUUID();
    const wake = ({ type }) => port.postMessage({ type });
    const receive = ({ data: { frame, hello, state, lock } }) => {
      if (lock) return navigator.locks.request(lock, () => link.onclose?.({ code: 1006 }));
      if (frame) return link.onmessage?.({ data: frame });
      if (state.value == "closed") return link.onclose?.(state.ended);
      link.readyState = +!!hello;
      store.ended = state.ended;
      if (!hello || link.hello) return greet(hello || contract, state);
      // Who comes back is told everything again.
      const { reason = "unknown", unconfirmed = 0 } = state;
      if (known.has(url)) link.state = { value: "reset", reason, unconfirmed };
      known.add(url);
      link.hello = hello;
      link.onmessage?.({ data: JSON.stringify({ hello }) });
    };
    worker.onerror = reject;
    const left = new AbortController();
    const { signal } = left;
    link.send = frame => port.postMessage({ frame });
    link.close = code => {
      if (code == 1000) known.delete(url);
      port.onmessage = link.readyState = null;
      left.abort();
    };
    navigator.locks.request(lock, () => {
      if (!link.onmessage) return; // given up meanwhile
      port.onmessage = receive;
      port.postMessage({ lock, contract });
      for (const type of ["pageshow", "focus", "online", "offline"]) addEventListener(type, wake, { signal });
      // The worker has the lock once the tab is gone, however that ends.
      return new Promise(release => (signal.onabort = release));
    }).catch(reject);
  });
