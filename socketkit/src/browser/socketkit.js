/**
 * The browser client of socketkit: events and calls, both ways, over a WebSocket that comes back, in
 * a session that goes on then: nothing is lost, doubled or out of order, or the page is told.
 *
 *     import { connect } from "/ws/client.js";
 *     const forum = connect();
 *     forum.on("post_update", post => show(post));
 *     const id = await forum.call("submit_post", { author, body });
 *
 * What a handler, a listener or a subscriber of yours throws never ends the connection; it is
 * reported as an unhandled rejection, and so is the refusal of an event that was only emitted.
 */

import { CallError, Session, parse, size } from "./session.js";

const TIMEOUT = 10_000; // ms that a call waits for its reply, and a new connection for `hello`
const BUFFER = 1 << 20; // bytes that the browser may hold back on a connection that has come to a halt
/** Each pause is a random part of the first, doubled with every attempt up to the last; ms. */
const [FIRST_PAUSE, LAST_PAUSE] = [500, 20_000];
const SPREAD = 100; // ms of it after a restart, as the server has spread its clients already
/** Close codes after which there is no use in coming back. */
const FINAL = /^(1000|1003|1009|44(?!08|29)..)$/;

/** The sockets that are not closed, by their URL. */
const sockets = new Map();

/** Runs what a user gave us: what it throws becomes a rejection. */
const run = async (fn, value) => fn(value);

/** `setTimeout` for any number of milliseconds: past 2^31 it would fire at once. */
const after = (pause, fn) => setTimeout(fn, Math.min(pause, 2 ** 31 - 1));

/** Adds a function to a set; the way out of it is returned. */
const join = (set, fn) => {
  const entry = value => run(fn, value);
  set.add(entry);
  return () => set.delete(entry);
};

/** A value that changes, as a store, and how it does. */
const observe = value => {
  const subscribers = new Set();
  const store = {
    value,
    subscribe(subscriber) {
      run(subscriber, store.value);
      return join(subscribers, subscriber);
    },
  };
  const set = value => {
    store.value = value;
    [...subscribers].forEach(subscriber => subscriber(value));
  };
  return [store, set];
};

/** How alike two names are: the pairs of letters in common, less what differs in length. */
const likeness = (one, other) =>
  [...one].filter((_, i) => other.includes(one.slice(i, i + 2))).length -
  Math.abs(one.length - other.length) / 2;

/** One socket to one URL: connections come and go below it. */
function create(url, { timeout: patience = TIMEOUT, contract = {} }) {
  const handlers = new Map();
  const listeners = new Set();
  /** The newest payloads of events, each as a store and its setter. */
  const newest = new Map();
  /** Who is present, by the JSON of each room: as a store and its setter. */
  const rooms = new Map();
  const people = (room = null) => {
    const name = JSON.stringify(room);
    if (!rooms.has(name)) rooms.set(name, observe({ members: [], joined: [], left: [] }));
    return rooms.get(name);
  };
  /** Calls without a reply yet, by id; `sent` once they are on the wire. */
  const calls = new Map();
  let limit = contract.limit ?? 65_536, lastId = 0;

  let timer; // the one thing that is timed: the pause, the wait for `hello`, or silence
  let attempts = 0;
  let notBefore = 0, spread;
  let heartbeat, openedAt, heardAt, probed, closing;

  /** The hash of the server's contract as it was last heard, and what finds its other payloads out. */
  let schema = contract.schema, misfit;
  const [skew, setSkew] = observe();
  const [state, setState] = observe();

  const enter = (value, { replayed, reason, unconfirmed, retryIn } = {}) => {
    Object.assign(state, { replayed, reason, unconfirmed, retryIn });
    if (state.value == value) return;
    session.flush();
    setState(value);
  };

  const isStuck = () => session.link?.bufferedAmount > BUFFER;

  const check = (side, event) => {
    const names = contract[side];
    if (!names || Object.hasOwn(names, event)) return;
    const [nearest] = Object.keys(names).sort((a, b) => likeness(event, b) - likeness(event, a));
    throw new TypeError(`no event "${event}"` + (nearest ? `; the nearest is "${nearest}"` : ""));
  };

  const fit = (text, most, what) => {
    // No letter takes more than three bytes, so that most texts need not be measured.
    if (text.length * 3 > most && size(text) > most) {
      throw new CallError("too_large", `${what} of over ${most} bytes`);
    }
    return text;
  };

  // Members in canonical order; `undefined` is left out, and `null` is what absent data means.
  const encode = frame => fit(JSON.stringify(frame), limit, "a frame");

  const encodeEvent = (event, data = null, id) => {
    const { max } = contract.client?.[event] ?? {};
    if (max != null && data != null) fit(JSON.stringify(data), max, "data");
    return encode({ event, id, data: data ?? undefined });
  };

  const enqueue = entry => {
    if (isStuck() || !session.push(entry)) throw new CallError("busy", "too much waits for the connection");
  };

  const closed = () =>
    new CallError("closed", "the socket is closed" + (state.ended?.reason ? `: ${state.ended.reason}` : ""));

  const tell = (direction, frame, { event, data }) =>
    listeners.forEach(listener => listener({ direction, frame, event, data }));

  const send = (ws, { frame, id }) => {
    if (calls.has(id)) calls.get(id).sent = true;
    ws.send(frame);
    if (listeners.size) tell("out", frame, JSON.parse(frame));
  };

  const session = new Session({ send, isReady: ws => ws.readyState == 1 });

  const settle = id => {
    const call = calls.get(id);
    calls.delete(id);
    clearTimeout(call?.timer);
    return call;
  };

  const rejectAll = (which, error) => calls.forEach((call, id) => which(call) && settle(id).reject(error));

  const answer = async (id, result) => {
    const { number } = session;
    let frame;
    try {
      frame = encode({ reply: id, data: (await result) ?? undefined });
    } catch (error) {
      const refusal = error instanceof CallError ? error : new CallError("internal", "the handler failed");
      if (refusal != error) Promise.reject(error);
      const { code, message, data } = refusal;
      frame = encode({ reply: id, error: { code, message, data } });
    }
    // In a newer session the id would be that of another call.
    if (session.number == number && session.push({ frame, isReply: true })) session.flush();
  };

  const greet = (hello, { value, ...more }) => {
    ({ heartbeat, limit = limit } = hello);
    compare(hello.schema);
    openedAt = heardAt;
    if (value == "reset") {
      lose();
      rooms.forEach(([{ value }, set]) => set({ members: [], joined: [], left: value.members }));
    }
    watch();
    enter(value, more);
  };

  const compare = async theirs => {
    if (!schema || !theirs || schema == theirs) return;
    schema = theirs;
    const { look } = await import("./skew.js");
    const found = await look(url, contract, theirs);
    if (schema != theirs) return;
    ({ misfit } = found);
    setSkew(found.skew);
  };

  /** What is wrong with data of the other side, if the contract has changed. */
  const judge = (side, event, data) => {
    const fault = misfit?.(side, event, data);
    return fault && new CallError("changed", `"${event}" has changed: ${fault}`);
  };

  const handle = ({ event, id, data = null, reply, progress, error }, fault) => {
    if (event == "socketkit:presence") {
      const { number } = session;
      import("./presence.js").then(({ tell }) => session.number == number && tell(people(data.room), data));
    } else if (event) {
      fault ??= judge("server", event, data);
      if (!fault) newest.get(event)?.[1](data);
      const known = handlers.get(event) ?? new Map();
      const results = [];
      for (const [handler, entry] of [...known]) {
        if (known.get(handler) != entry) continue;
        if (entry.once) known.delete(handler);
        results.push(fault ? Promise.reject(fault) : run(handler, data));
      }
      if (id >= 0) {
        answer(id, results[0] ?? Promise.reject(new CallError("unknown_event", "no handler")));
      }
    } else if (progress >= 0) {
      calls.get(progress)?.report(data, fault);
    } else if (reply >= 0) {
      fault ??= error && new CallError(error.code, error.message, error.data);
      const call = settle(reply);
      fault ??= judge("client", call?.event, data);
      call?.[fault ? "reject" : "resolve"](fault ?? data);
    } else if (error) {
      const { code, message, event = "an event", data } = error;
      Promise.reject(new CallError(code, `${event}: ${message}`, data));
    }
  };

  const dial = () => {
    clearTimeout(timer);
    openedAt = undefined;
    const mine = session.dial(protocols => new WebSocket(url, protocols));
    timer = after(TIMEOUT, fail);
    mine.onmessage = ({ data: frame }) => {
      if (!session.has(mine)) return;
      heardAt = Date.now();
      probed = false;
      let fault;
      try {
        if (!/^\s*{/.test(frame)) throw new SyntaxError("a frame is an object");
        const message = parse(frame, error => (fault = error));
        tell("in", frame, message);
        const next = session.receive(mine, message, heardAt, () => handle(message, fault));
        if (next) greet(message.hello, next);
      } catch (error) {
        Promise.reject(error);
        end(4400);
      }
    };
    mine.onclose = ({ code, reason }) => {
      if (!session.has(mine)) return;
      state.ended = { code, reason };
      if (FINAL.test(code)) return end();
      drop();
      if (code != 1006 && code != 4408) lose(); // it keeps no session either
      const least = Math.min(+/^10(?:01|12|13)retry (\d+)/.exec(code + reason)?.[1] || 0, 3_600_000);
      pause(least, least && code == 1012 ? SPREAD : LAST_PAUSE);
    };
    enter("connecting");
  };

  const lose = () =>
    rejectAll(call => call.sent, new CallError("lost", "the connection dropped before the reply"));

  /** Gives the present connection up, whatever still arrives on it. */
  const drop = (code, isFinal) => {
    const { link } = session;
    clearTimeout(timer);
    if (session.drop(isFinal)) lose();
    link?.close(code);
  };

  const pause = (least = 0, most = LAST_PAUSE) => {
    if (Date.now() - openedAt > TIMEOUT) attempts = 0;
    notBefore = Date.now() + least;
    spread = Math.min(FIRST_PAUSE, most);
    dialAfter(least + Math.random() * Math.min(FIRST_PAUSE * 2 ** attempts++, most));
  };

  const dialAfter = retryIn => {
    clearTimeout(timer);
    timer = after(retryIn, dial);
    enter("waiting", { retryIn });
  };

  const fail = () => (drop(4408), pause());

  const end = code => {
    closing = false;
    sockets.delete(url);
    if (code) state.ended = { code, reason: "" };
    drop(code, true);
    session.queue = [];
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
      send(session.link, { frame: "{}" });
      timer = after(heartbeat / 10, () => watch(allowed));
    }
  };

  const wake = ({ type, persisted }) => {
    if (type == "pagehide") {
      // A page with an open connection may not be kept, or learns of its end too late. With 4408 its
      // session is kept as well; what the browser says by itself, 1001, would not end it either.
      drop(persisted ? 4408 : 1000);
      enter("waiting");
    } else if (type == "offline") {
      // Nobody says that a connection is dead: it would look open for minutes.
      if (session.link) fail();
    } else if (session.isOpen) {
      if (!probed) watch(heartbeat);
    } else if (!session.link && (type != "visibilitychange" || !document.hidden)) {
      const early = notBefore - Date.now();
      attempts = 0;
      if (early > 0) dialAfter(early + Math.random() * spread);
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
     * contract calls volatile is dropped then, and of a latest one only the newest waits, or the
     * newest for each value of the fields that the contract names, if all are there. Returns
     * whether it was taken: not if it was dropped, or the socket is closed. Throws a
     * {@link CallError}: `busy` or `too_large`.
     */
    emit(event, data) {
      check("client", event);
      if (state.value == "closed") return false;
      const { volatile, latest } = contract.client?.[event] ?? {};
      const values = latest?.split?.(/[\s,]+/).map(field => data?.[field]);
      const key = latest && !values?.includes(undefined) && event + JSON.stringify(values);
      const entry = { frame: encodeEvent(event, data), key };
      if (volatile && (isStuck() || session.queue.length || !session.takes(entry))) return false;
      enqueue(entry);
      session.flush();
      return true;
    },

    /**
     * Sends an event, in its turn as `emit` does, and waits for the reply, `timeout` milliseconds
     * at most: 10,000 unless `connect` was told otherwise. Rejects with a {@link CallError}.
     * `onProgress` is called with each report of its progress, from which on the time counts anew.
     * With it, or with a `signal`, a call that is given up is cancelled at the other side.
     */
    call: (event, data, options = {}) =>
      new Promise((resolve, reject) => {
        const { timeout = patience, onProgress, signal } = options ?? {};
        check("client", event);
        signal?.throwIfAborted();
        if (state.value == "closed") throw closed();
        const id = (lastId = (lastId % (2 ** 32 - 1)) + 1);
        const frame = encodeEvent(event, data, id);
        const abandon = error => {
          session.queue = session.queue.filter(waiting => waiting.id != id);
          const { sent } = settle(id);
          if (sent && (onProgress || signal) && session.push({ frame: `{"cancel":${id}}`, isReply: true }))
            session.flush();
          reject(error);
        };
        const wait = () => {
          const { sent } = call;
          const what = sent ? `no reply to "${event}"` : `"${event}" was not sent`;
          abandon(new CallError("timeout", `${what} in ${timeout} ms`));
        };
        const report = (data, fault) => {
          if (fault) return abandon(fault);
          clearTimeout(call.timer);
          call.timer = after(timeout, wait);
          if (onProgress) run(onProgress, data);
        };
        const call = { event, resolve, reject, report, timer: after(timeout, wait) };
        enqueue({ frame, id });
        calls.set(id, call);
        signal?.addEventListener("abort", () => calls.get(id) == call && abandon(signal.reason));
        session.flush();
      }),

    /**
     * Where the connection stands, as a store: `connecting`, `open` from the server's `hello` on,
     * `waiting` for the next attempt, which is `retryIn` milliseconds away, or `closed` for ever;
     * `ended` is how the last one did. In the place of `open`, `resumed` means that the session
     * goes on and `replayed` frames come now that the page has missed; `reset` that it does not,
     * for a `reason`, and that it is unknown what became of `unconfirmed` own events and calls. A
     * subscriber is told at once, and at every change until what `subscribe` returns is called.
     */
    state,

    /**
     * The newest payload of an event, as a store: `undefined` until one has come. The same one
     * for the same event.
     */
    latest(event) {
      check("server", event);
      if (!newest.has(event)) newest.set(event, observe());
      return newest.get(event)[0];
    },

    /**
     * Who is present in a room, as a store of `{ members, joined, left }`: all entries, one a
     * person, and those that the last change has added and taken away. Nobody until the server
     * has told. A room is named by its JSON; `null` by default.
     */
    presence: room => people(room)[0],

    /**
     * What is different since the server has another contract than this page, as a store:
     * `{ added, removed, changed }`, names of events, or `undefined` while it has the same. Data
     * of a changed event that does not fit is an error `changed`, and not handled.
     */
    skew,

    /** Closes for all who share it, unless one of them connects again in this tick. */
    close() {
      closing = state.value != "closed";
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
 *   the folder that this script was loaded from, which in a bundle or in Node is not the server's
 * @param {{ timeout?: number, contract?: object }} [options] of a new connection: milliseconds
 *   that a call waits for its reply (10,000), and the events as `client.js` fills them in
 */
function connect(url = new URL(".", script).href.slice(0, -1), options = {}) {
  const target = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
  target.protocol = target.protocol.replace("http", "ws");
  target.hash = "";
  const { href } = target;
  // In Node, where the script is a file.
  if (!href.startsWith("ws")) throw new TypeError(`connect(url) needs the URL of a server: ${href} is none`);
  if (!sockets.has(href)) sockets.set(href, create(href, options));
  const { socket, keep } = sockets.get(href);
  keep();
  return socket;
}

for (const type of ["pagehide", "pageshow", "offline", "online", "visibilitychange", "focus", "resume"]) {
  // Where pages are rendered on a server there is nothing to listen to.
  globalThis.addEventListener?.(type, event => sockets.forEach(({ wake }) => wake(event)));
}

const script = import.meta.url;
export { connect, CallError };
