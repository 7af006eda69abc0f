/**
 * The browser client of socketkit: events and calls, both ways, over a WebSocket that comes back, in
 * a session that goes on then: nothing is lost, doubled or out of order, or the page is told.
 *
 *     import { connect } from "/ws/client.js";
 *     const forum = connect();
 *     forum.on("post_update", post => show(post));
 *     const id = await forum.call("submit_post", { author, body });
 *
 * What a function of yours throws never ends the connection: it is reported as an unhandled
 * rejection, and so is the refusal of an event that was only emitted.
 */

import { CallError, createSession, fit, parse } from "./session.js";
import { join, observe, run } from "./store.js";

const TIMEOUT = 10_000; // ms that a call waits for its reply, and a new connection for `hello`
const BUFFER = 1 << 20; // bytes that the browser may hold back on a connection that has come to a halt
/** Each pause is a random part of the first, doubled with every attempt up to the last; ms. */
const FIRST_PAUSE = 500, LAST_PAUSE = 20_000;
const SPREAD = 100; // ms of it after a restart, as the server has spread its clients already
/** Close codes after which there is no use in coming back. */
const FINAL = /^(100[039]|44(?!08|29))/;

/** The sockets that are not closed, by their URL. */
const sockets = new Map();

/** A timer for any number of milliseconds: past 2^31 it would fire at once. It is set anew by each call. */
const clock = timer => (pause, fn) => {
  clearTimeout(timer);
  timer = fn && setTimeout(fn, Math.min(pause, 2 ** 31 - 1));
};

/** One socket to one URL: connections come and go below it. */
function create(url, { timeout: patience = TIMEOUT, contract = {}, shared, take }) {
  /** By event of the server: the handlers, the newest payload as a store, and its setter. */
  const topics = new Map();
  const listeners = new Set();
  /** Calls without a reply yet, by id; `sent` once they are on the wire. */
  const calls = new Map();
  /** Calls of the server that are not answered yet: what cancels each. */
  const asked = new Map();
  let limit = contract.limit ?? 65_536, lastId = shared ? Math.random() * 2 ** 32 : 0;

  const time = clock(); // for one thing: the pause, the wait for `hello`, or silence
  let notBefore = 0, attempts = 0;
  let heartbeat, openedAt, heardAt, probed, closing;

  /** The hash of the server's contract as it was last heard, and what is wrong with data if it has changed. */
  let schema = contract.schema, misfit = () => {};
  const [skew, setSkew] = observe();
  const [state, setState] = observe();

  const enter = ({ value, replayed, reason, unconfirmed, retryIn }) => {
    Object.assign(state, { replayed, reason, unconfirmed, retryIn });
    if (state.value == value) return;
    session.flush();
    setState(value);
  };

  /** What the contract says of an event, which it has to know. */
  const about = (side, event) => {
    const names = contract[side] ?? { [event]: {} };
    if (Object.hasOwn(names, event)) return names[event];
    throw new TypeError(`no event "${event}"; there are: ${Object.keys(names)}`);
  };

  const topic = event => {
    if (!topics.has(event)) topics.set(event, [new Map(), ...observe()]);
    return topics.get(event);
  };

  // Members in canonical order; `undefined` is left out, and `null` is what absent data means.
  const encode = (frame, data) => fit(JSON.stringify({ ...frame, data: data ?? undefined }), limit, "a frame");

  const encodeEvent = (event, data, id) => {
    const { max } = about("client", event);
    if (max != null && data != null) fit(JSON.stringify(data), max, "data");
    return encode({ event, id }, data);
  };

  const enqueue = entry => {
    if (!session.push(entry)) throw new CallError("busy", "too much waits");
  };

  /** Sends what belongs to calls, which is not refused: there are no more of them than can wait. */
  const reply = frame => session.push({ frame, isReply: true });

  const tell = (direction, frame, message) =>
    listeners.forEach(listener => listener({ ...message, direction, frame }));

  const send = (ws, frame) => {
    ws.send(frame);
    if (listeners.size) tell("out", frame, JSON.parse(frame));
  };

  const session = createSession(send, ws => ws.readyState == 1 && !(ws.bufferedAmount > BUFFER));

  /** Gives the calls up that are sent, as their session is over; or all of them. */
  const lose = (error = new CallError("lost", "connection lost"), isSent = call => call.sent) => {
    asked.forEach(controller => controller.abort());
    asked.clear();
    calls.forEach(call => isSent(call) && call.end(error));
  };

  const closed = () => new CallError("closed", state.ended?.reason || "the socket is closed");

  /** A call of the server: what its handlers are given beside the data, and what answers it. */
  const ask = id => {
    const controller = new AbortController();
    const { signal } = controller;
    asked.set(id, controller);
    // Nobody waits for it then, and in a newer session its id is that of another.
    const say = (frame, data) => signal.aborted || reply(encode(frame, data));
    const answer = async result => {
      try {
        say({ reply: id }, await result);
      } catch (error) {
        if (!(error instanceof CallError)) {
          Promise.reject(error);
          error = new CallError("internal", "the handler failed");
        }
        const { code, message, data } = error;
        say({ reply: id, error: { code, message, data } });
      }
      if (asked.get(id) == controller) asked.delete(id);
    };
    return [{ signal, progress: data => say({ progress: id }, data) }, answer];
  };

  const greet = (hello, next) => {
    ({ heartbeat, limit = limit } = hello);
    compare(hello.schema);
    openedAt = heardAt;
    if (next.value == "reset") lose();
    watch();
    enter(next);
  };

  const compare = async theirs => {
    if (schema == (schema = theirs) || !contract.schema) return;
    const { look } = await import("./skew.js");
    const [found, judge] = await look(url, contract, theirs, CallError);
    if (schema != theirs) return;
    misfit = judge;
    setSkew(found);
  };

  const handle = ({ event, id, data = null, reply, progress, cancel, error }, fault) => {
    const call = calls.get(reply ?? progress);
    const about = error?.event ? `${error.event}: ` : "";
    if (error) fault = new CallError(error.code, about + error.message, error.data);
    if (event == "socketkit:presence") {
      import("./presence.js").then(({ tell }) => tell(topic("@" + JSON.stringify(data.room)), data, state));
    } else if (event) {
      fault ??= misfit("server", event, data);
      const [known, , renew] = topic(event);
      if (!fault) renew(data);
      const [call, answer] = id >= 0 ? ask(id) : [{}];
      const results = [];
      for (const [handler, entry] of [...known]) {
        if (known.get(handler) != entry) continue;
        if (entry.once) known.delete(handler);
        results.push(fault ? Promise.reject(fault) : run(handler, data, call));
      }
      answer?.(results[0] ?? Promise.reject(new CallError("unknown_event", "no handler")));
    } else if (progress >= 0) {
      call?.report(fault, data);
    } else if (reply >= 0) {
      call?.end(fault ?? misfit("client", call.event, data), data);
    } else if (fault) {
      Promise.reject(fault);
    } else {
      asked.get(cancel)?.abort();
    }
  };

  /** A WebSocket, or what looks like one and shares that of all tabs. */
  const open = protocols => {
    if (!shared) return new WebSocket(url, protocols);
    const link = { close() {} };
    import("./shared.js").then(({ attach }) => attach(link, url, contract, greet, state)).catch(() => {
      shared = false;
      link.onclose?.({ code: 4408 });
    });
    return link;
  };

  const dial = () => {
    openedAt = undefined;
    const mine = session.dial(open);
    time(TIMEOUT, pause);
    mine.onmessage = ({ data: frame }) => {
      heardAt = Date.now();
      probed = false;
      let fault;
      try {
        if (!/^\s*{/.test(frame)) throw new SyntaxError(frame);
        const message = parse(frame, error => (fault = error));
        tell("in", frame, message);
        const next = session.receive(mine, message, heardAt, () => (take ?? handle)(message, fault, frame));
        if (next) greet(message.hello, mine.state ?? next);
      } catch (error) {
        Promise.reject(error);
        end(4400);
      }
    };
    mine.onclose = ({ code, reason }) => {
      state.ended = { code, reason };
      if (FINAL.test(code)) return end();
      if (!/1006|4408|resume/.test(code + reason)) lose(); // it keeps no session, unless it says so
      const least = /^retry (\d+)|/.exec(reason)[1] >>> 0;
      pause(least, least && code == 1012 ? SPREAD : LAST_PAUSE);
    };
    enter({ value: "connecting" });
  };

  /** Gives the present connection up, whatever still arrives on it. */
  const drop = (code, isFinal) => {
    const { link } = session;
    time();
    if (session.drop(isFinal)) lose();
    if (!link) return;
    link.onmessage = link.onclose = null;
    link.close(code);
  };

  const pause = (least = 0, most = LAST_PAUSE) => {
    drop(4408);
    if (Date.now() - openedAt > TIMEOUT) attempts = 0;
    notBefore = Date.now() + least;
    const retryIn = least + Math.random() * Math.min(FIRST_PAUSE * 2 ** attempts++, most);
    time(retryIn, dial);
    enter({ value: "waiting", retryIn });
  };

  const end = code => {
    closing = false;
    sockets.delete(url);
    if (code) state.ended = { code, reason: "" };
    drop(code, true);
    session.queue = [];
    lose(closed(), () => true);
    enter({ value: "closed" });
  };

  /**
   * Judges the peer by how long it was silent, now and again; two heartbeats are too long.
   * A timer may be late and frames may wait behind it: a last probe gives them time to arrive.
   * Nobody looks at a hidden page, and its timers are slow: it is judged when it is seen again.
   */
  const watch = (allowed = heartbeat * 1.9) => {
    time();
    if (!heartbeat || globalThis.document?.hidden) return (probed = false);
    const silent = Math.abs(Date.now() - heardAt); // clocks are set back, too
    if (silent < allowed) {
      time(heartbeat * 1.9 - silent, watch);
    } else if (probed) {
      pause();
    } else {
      probed = true;
      send(session.link, "{}");
      time(heartbeat / 10, () => watch(allowed));
    }
  };

  const wake = ({ type, persisted }) => {
    if (type == "pagehide") {
      // A page with an open connection may not be kept, or learns of its end too late. With 4408 its
      // session is kept as well; what the browser says by itself, 1001, would not end it either.
      drop(persisted ? 4408 : 1000);
      enter({ value: "waiting" });
    } else if (type == "offline") {
      // Nobody says that a connection is dead: it would look open for minutes.
      if (session.link && !shared) pause();
    } else if (session.isOpen()) {
      if (!probed) watch(heartbeat);
    } else if (!session.link && (type != "visibilitychange" || !document.hidden)) {
      const early = notBefore - Date.now();
      attempts = 0;
      if (early > 0) pause(early, SPREAD);
      else dial();
    }
  };

  /** What `socketkit.d.ts` says of each. */
  const socket = {
    on(event, handler, once = false) {
      about("server", event);
      const [known] = topic(event);
      const entry = known.get(handler) ?? { once };
      // What handles it for good already does not end after one time, nor by its end.
      if (once && !entry.once) return () => {};
      entry.once = once;
      known.set(handler, entry);
      return () => known.get(handler) == entry && known.delete(handler);
    },
    once: (event, handler) => socket.on(event, handler, true),
    onAny: listener => join(listeners, listener),

    emit(event, data) {
      const { volatile, latest } = about("client", event);
      if (state.value == "closed") return false;
      const values = latest?.map?.(field => data?.[field]);
      const key = latest && !values?.includes(undefined) && event + JSON.stringify(values);
      const entry = { frame: encodeEvent(event, data), key };
      if (volatile && (session.queue.length || !session.takes(entry))) return false;
      enqueue(entry);
      return true;
    },

    call: (event, data, { timeout = patience, onProgress, signal } = {}) =>
      new Promise((resolve, reject) => {
        const id = ++lastId >>> 0;
        const frame = encodeEvent(event, data, id);
        signal?.throwIfAborted();
        if (state.value == "closed") throw closed();
        const time = clock();
        const wait = () =>
          time(timeout, () => {
            const what = call.sent ? `no reply to "${event}"` : `"${event}" was not sent`;
            abandon(new CallError("timeout", `${what} in ${timeout} ms`));
          });
        const abandon = error => {
          if (!calls.has(id)) return;
          session.queue = session.queue.filter(entry => entry != call);
          if (call.sent && (onProgress || signal)) reply(`{"cancel":${id}}`);
          call.end(error);
        };
        const abort = () => abandon(signal.reason);
        const call = {
          event, frame,
          end(fault, data) {
            calls.delete(id);
            signal?.removeEventListener("abort", abort);
            time();
            fault ? reject(fault) : resolve(data);
          },
          report(fault, data) {
            if (fault) return abandon(fault);
            wait();
            if (onProgress) run(onProgress, data);
          },
        };
        enqueue(call);
        calls.set(id, call);
        wait();
        signal?.addEventListener("abort", abort);
      }),

    state,
    latest(event) {
      about("server", event);
      return topic(event)[1];
    },
    // Under a name that no event has.
    presence: (room = null) => topic("@" + JSON.stringify(room))[1],
    skew,
    close() {
      closing = state.value != "closed";
      queueMicrotask(() => closing && end(1000));
    },
  };

  dial();
  return { socket, session, wake, join: () => ((closing = false), socket) };
}

/**
 * Connects to a server, or joins the connection that there is to the same URL.
 *
 * @param {string | URL} [url] of the endpoint, `http` or `ws`, relative to the page; by default the
 *   folder that this script was loaded from, which in a bundle or in Node is not the server's
 * @param {{ timeout?: number, shared?: boolean, contract?: object }} [options] of a new connection:
 *   milliseconds that a call waits for its reply (10,000), whether all tabs of the browser share it,
 *   and the events as `client.js` fills them in
 */
function connect(url = new URL(".", script).href.slice(0, -1), options = {}) {
  const target = new URL(url, globalThis.document?.baseURI ?? script);
  const href = target.href.replace(/^http/, "ws").replace(/#.*/, "");
  // In Node the script is a file: it has to be told where the server is.
  if (!href.startsWith("ws")) throw new TypeError(`no server: ${href}`);
  if (!sockets.has(href)) sockets.set(href, create(href, options));
  return sockets.get(href).join();
}

for (const type of ["pagehide", "pageshow", "offline", "online", "visibilitychange", "focus", "resume"]) {
  // Where pages are rendered on a server there is nothing to listen to.
  globalThis.addEventListener?.(type, event => sockets.forEach(({ wake }) => wake(event)));
}

const script = import.meta.url;
export { CallError, connect, create };
