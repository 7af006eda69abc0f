/**
 * The browser client of socketkit: events and calls, both ways, over a WebSocket that comes back.
 *
 *     import { connect } from "/ws/client.js";
 *     const forum = connect();
 *     forum.on("post_update", post => show(post));
 *     const id = await forum.call("submit_post", { author, body });
 *
 * What a handler, a listener or a subscriber of yours throws never ends the connection; it is
 * reported as an unhandled rejection, and so is the refusal of an event that was only emitted.
 */

const TIMEOUT = 10_000; // ms that a call waits for its reply, and a new connection for `hello`
const QUEUE = 256; // events and calls that may wait for a connection
const BUFFER = 1 << 20; // bytes that the browser may hold back on a connection that has come to a halt
/** Each pause is a random part of the first, doubled with every attempt up to the last; ms. */
const [FIRST_PAUSE, LAST_PAUSE] = [500, 20_000];
/** Close codes after which there is no use in coming back. */
const FINAL = /^(1000|1003|1009|44(?!08|29)..)$/;

/** The sockets that are not closed, by their URL. */
const sockets = new Map();

/**
 * Why a call has no reply, or an event was not taken. Its `code` is `timeout`; `lost`: sent, but
 * the connection dropped, so it may have run; `closed`: never sent; `busy`: too much waits
 * already; `too_large`: over the server's limit; `unsafe_integer`: the reply has an integer that
 * JavaScript cannot hold; or one of the peer, who may add `data`.
 */
class CallError extends Error {
  constructor(code, message, data) {
    super(message);
    Object.assign(this, { name: "CallError", code, data });
  }
}

/** Runs what a user gave us: what it throws becomes a rejection. */
const run = async (fn, value) => fn(value);

/** `setTimeout` for any number of milliseconds: past 2^31 it would fire at once. */
const after = (pause, fn) => setTimeout(fn, Math.min(pause, 2 ** 31 - 1));

/** JSON as `JSON.parse` reads it, and a word about each integer that JavaScript cannot hold. */
const parse = (text, refuse) => {
  const look = (_, value, context) => {
    const source = context?.source ?? value;
    if (Number.isInteger(value) && !Number.isSafeInteger(value) && /^-?\d+$/.test(source)) {
      refuse(new CallError("unsafe_integer", `${source} is no safe integer`));
    }
    return value;
  };
  // To look at every number takes five times as long: only where one may have so many digits.
  return JSON.parse(text, /\d{16}/.test(text) && look);
};

/** Adds a function to a set; the way out of it is returned. */
const join = (set, fn) => {
  const entry = value => run(fn, value);
  set.add(entry);
  return () => set.delete(entry);
};

/** How alike two names are: the pairs of letters in common, less what differs in length. */
const likeness = (one, other) =>
  [...one].filter((_, i) => other.includes(one.slice(i, i + 2))).length -
  Math.abs(one.length - other.length) / 2;

/** One socket to one URL: connections come and go below it. */
function create(url, { timeout: patience = TIMEOUT, contract = {} }) {
  const handlers = new Map();
  const subscribers = new Set();
  const listeners = new Set();
  /** Calls without a reply yet, by id; `sent` once they are on the wire. */
  const calls = new Map();
  /** What waits for a connection: frame, id of its call, event that a later one may replace. */
  let queue = [];
  let limit = contract.limit ?? 65_536, lastId = 0;

  /** The present connection, if there is one: events of any other come too late. */
  let ws, state;
  let timer; // the one thing that is timed: the pause, the wait for `hello`, or silence
  let attempts = 0;
  let notBefore = 0;
  let heartbeat, openedAt, heardAt, probed, closing, ended;

  const enter = next => {
    if (state == next) return;
    state = next;
    flush();
    [...subscribers].forEach(subscriber => subscriber(state));
  };

  const isOpen = () => state == "open" && ws?.readyState == 1;
  const isFull = waiting => waiting.length >= QUEUE || ws?.bufferedAmount > BUFFER;

  const check = (side, event) => {
    const names = contract[side];
    if (!names || Object.hasOwn(names, event)) return;
    const [nearest] = Object.keys(names).sort((a, b) => likeness(event, b) - likeness(event, a));
    throw new TypeError(`no event "${event}"` + (nearest ? `; the nearest is "${nearest}"` : ""));
  };

  // Members in canonical order; `undefined` is left out, and `null` is what absent data means.
  const encode = frame => {
    const text = JSON.stringify(frame);
    // No letter takes more than three bytes, so that most frames need not be measured.
    if (text.length * 3 > limit && new Blob([text]).size > limit) {
      throw new CallError("too_large", `a frame of over ${limit} bytes`);
    }
    return text;
  };

  const encodeEvent = (event, data, id) => encode({ event, id, data: data ?? undefined });

  /** Adds to what waits, or to what of it shall wait on. */
  const enqueue = (entry, others = queue) => {
    if (isFull(others)) throw new CallError("busy", "too much waits for the connection");
    queue = [...others, entry];
  };

  const closed = () =>
    new CallError("closed", "the socket is closed" + (ended?.reason ? `: ${ended.reason}` : ""));

  const tell = (direction, frame, { event, data }) =>
    listeners.forEach(listener => listener({ direction, frame, event, data }));

  const send = frame => {
    ws.send(frame);
    if (listeners.size) tell("out", frame, JSON.parse(frame));
  };

  const flush = () => {
    while (queue.length && isOpen()) {
      const [frame, id] = queue.shift();
      if (id) calls.get(id).sent = true;
      send(frame);
    }
  };

  const settle = id => {
    const call = calls.get(id);
    calls.delete(id);
    clearTimeout(call?.timer);
    return call;
  };

  const rejectAll = (which, error) => calls.forEach((call, id) => which(call) && settle(id).reject(error));

  const answer = async (id, result, from) => {
    let frame;
    try {
      frame = encode({ reply: id, data: (await result) ?? undefined });
    } catch (error) {
      const refusal = error instanceof CallError ? error : new CallError("internal", "the handler failed");
      if (refusal != error) Promise.reject(error);
      const { code, message, data } = refusal;
      frame = encode({ reply: id, error: { code, message, data } });
    }
    // On a newer connection the id would be that of another call.
    if (ws == from && isOpen()) send(frame);
  };

  const receive = ({ event, id, data = null, reply, error, hello }, fault, from) => {
    if (hello) {
      ({ heartbeat, limit = limit } = hello);
      openedAt = heardAt;
      watch();
      enter("open");
    } else if (event) {
      const known = handlers.get(event) ?? new Map();
      const results = [];
      for (const [handler, entry] of [...known]) {
        if (known.get(handler) != entry) continue;
        if (entry.once) known.delete(handler);
        results.push(fault ? Promise.reject(fault) : run(handler, data));
      }
      if (id >= 0) {
        answer(id, results[0] ?? Promise.reject(new CallError("unknown_event", "no handler")), from);
      }
    } else if (reply >= 0) {
      fault ??= error && new CallError(error.code, error.message, error.data);
      settle(reply)?.[fault ? "reject" : "resolve"](fault ?? data);
    } else if (error) {
      const { code, message, event = "an event", data } = error;
      Promise.reject(new CallError(code, `${event}: ${message}`, data));
    }
  };

  const dial = () => {
    clearTimeout(timer);
    const mine = (ws = new WebSocket(url, "socketkit.v1.json"));
    timer = after(TIMEOUT, fail);
    mine.onmessage = ({ data: frame }) => {
      if (ws != mine) return;
      heardAt = Date.now();
      probed = false;
      let message, fault;
      try {
        if (!/^\s*{/.test(frame)) throw new SyntaxError("a frame is an object");
        message = parse(frame, error => (fault = error));
        tell("in", frame, message);
      } catch (error) {
        Promise.reject(error);
        return end(4400);
      }
      receive(message, fault, mine);
    };
    mine.onclose = ({ code, reason }) => {
      if (ws != mine) return;
      ended = { code, reason };
      if (FINAL.test(code)) return end();
      drop();
      pause(+/^retry (\d+)/.exec(reason)?.[1] || 0);
    };
    enter("connecting");
  };

  /** Gives the present connection up, whatever still arrives on it. */
  const drop = code => {
    const old = ws;
    ws = undefined;
    clearTimeout(timer);
    old?.close(code);
    rejectAll(call => call.sent, new CallError("lost", "the connection dropped before the reply"));
  };

  const pause = (least = 0) => {
    if (state == "open" && Date.now() - openedAt > TIMEOUT) attempts = 0;
    notBefore = Date.now() + least;
    timer = after(least + Math.random() * Math.min(FIRST_PAUSE * 2 ** attempts++, LAST_PAUSE), dial);
    enter("waiting");
  };

  const fail = () => (drop(4408), pause());

  const end = code => {
    closing = false;
    sockets.delete(url);
    if (code) ended = { code, reason: "" };
    drop(code);
    queue = [];
    rejectAll(() => true, closed());
    enter("closed");
  };

  /**
   * Judges the peer by how long it was silent, now and again; two heartbeats are too long.
   * A timer may be late and frames may wait behind it: a last probe gives them time to arrive.
   * Nobody looks at a hidden page, and its timers are slow: it is judged when it is seen again.
   */
  const watch = (allowed = heartbeat * 1.9) => {
    clearTimeout(timer);
    if (!heartbeat || globalThis.document?.hidden) return (probed = false);
    const silent = Math.abs(Date.now() - heardAt); // clocks are set back, too
    if (silent < allowed) {
      timer = after(heartbeat * 1.9 - silent, watch);
    } else if (probed) {
      fail();
    } else {
      probed = true;
      send("{}");
      timer = after(heartbeat / 10, () => watch(allowed));
    }
  };

  const wake = type => {
    if (type == "pagehide") {
      // A page with an open connection may not be kept, or learns of its end too late.
      drop(1000);
      enter("waiting");
    } else if (type == "offline") {
      // Nobody says that a connection is dead: it would look open for minutes.
      if (ws) fail();
    } else if (isOpen()) {
      if (!probed) watch(heartbeat);
    } else if (!ws && (type != "visibilitychange" || !document.hidden)) {
      const early = notBefore - Date.now();
      attempts = 0;
      clearTimeout(timer);
      if (early > 0) timer = after(early + Math.random() * FIRST_PAUSE, dial);
      else dial();
    }
  };

  const on = (event, handler, once = false) => {
    check("server", event);
    const known = handlers.get(event) ?? new Map();
    handlers.set(event, known);
    const entry = known.get(handler) ?? { once };
    // What handles it for good already does not end after one time, nor by its end.
    if (once && !entry.once) return () => {};
    entry.once = once;
    known.set(handler, entry);
    return () => known.get(handler) == entry && known.delete(handler);
  };

  const socket = {
    /**
     * Handles an event of the server. What the first handler of an event returns, or its promise
     * holds, answers a call; if it throws, the call is refused, as `internal` unless it throws a
     * {@link CallError}. A function that handles the event already is not added again. Returns
     * the function that ends it, as `once` and `onAny` do.
     */
    on: (event, handler) => on(event, handler),

    /** Handles an event as `on` does, one time. */
    once: (event, handler) => on(event, handler, true),

    /** Hears of every frame as it passes: `{ direction, frame, event, data }`, `in` or `out`, the text. */
    onAny: listener => join(listeners, listener),

    /**
     * Sends an event. While there is no connection it waits for one, in order; one that the
     * contract calls volatile is dropped then, and of a latest one only the newest waits.
     * Returns whether it was taken: not if it was dropped, or the socket is closed. Throws a
     * {@link CallError}: `busy` or `too_large`.
     */
    emit(event, data) {
      check("client", event);
      const { volatile, latest } = contract.client?.[event] ?? {};
      if (state == "closed" || (volatile && (!isOpen() || isFull(queue)))) return false;
      const frame = encodeEvent(event, data);
      enqueue([frame, 0, event], latest ? queue.filter(([, , older]) => older != event) : queue);
      flush();
      return true;
    },

    /**
     * Sends an event, in its turn as `emit` does, and waits for the reply, `timeout` milliseconds
     * at most: 10,000 unless `connect` was told otherwise. Rejects with a {@link CallError}.
     */
    call: (event, data, options) =>
      new Promise((resolve, reject) => {
        const timeout = options?.timeout ?? patience;
        check("client", event);
        if (state == "closed") throw closed();
        const id = (lastId = (lastId % (2 ** 32 - 1)) + 1);
        const frame = encodeEvent(event, data, id);
        const expire = () => {
          queue = queue.filter(([, waiting]) => waiting != id);
          const call = settle(id);
          const what = call.sent ? `no reply to "${event}"` : `"${event}" was not sent`;
          call.reject(new CallError("timeout", `${what} in ${timeout} ms`));
        };
        enqueue([frame, id]);
        calls.set(id, { resolve, reject, timer: after(timeout, expire) });
        flush();
      }),

    /**
     * Where the connection stands, as a store: `connecting`, `open` from the server's `hello` on,
     * `waiting` for the next attempt, or `closed` for ever; `ended` is how the last one did. A
     * subscriber is told at once, and at every change until what `subscribe` returns is called.
     */
    state: {
      get value() { return state; },
      get ended() { return ended; },
      subscribe(subscriber) {
        run(subscriber, state);
        return join(subscribers, subscriber);
      },
    },

    /** Closes for all who share it, unless one of them connects again in this tick. */
    close() {
      closing = state != "closed";
      queueMicrotask(() => closing && end(1000));
    },
  };

  dial();
  return { socket, wake, keep: () => (closing = false) };
}

/**
 * Connects to a server, or joins the connection that there is to the same URL.
 *
 * @param {string | URL} [url] of the endpoint, `http` or `ws`, relative to the page; by default
 *   the folder that this script was loaded from
 * @param {{ timeout?: number, contract?: object }} [options] of a new connection: milliseconds
 *   that a call waits for its reply (10,000), and the events as `client.js` fills them in
 */
function connect(url = new URL(".", script).href.slice(0, -1), options = {}) {
  const target = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
  target.protocol = target.protocol.replace("http", "ws");
  target.hash = "";
  const { href } = target;
  if (!sockets.has(href)) sockets.set(href, create(href, options));
  const { socket, keep } = sockets.get(href);
  keep();
  return socket;
}

for (const type of ["pagehide", "pageshow", "offline", "online", "visibilitychange", "focus", "resume"]) {
  // Where pages are rendered on a server there is nothing to listen to.
  globalThis.addEventListener?.(type, () => sockets.forEach(({ wake }) => wake(type)));
}

const script = import.meta.url;
export { connect, CallError };
