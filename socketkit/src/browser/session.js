/**
 * A session that outlives its connections, as a state machine without WebSocket, clock or timer,
 * and the frames that it consists of, as text.
 *
 * Events, replies and errors count. Each side numbers those that it sends and those that it has
 * processed, in its head, so that both know what is missing when they meet again. What is sent is
 * kept until the other side has seen it.
 */

const WINDOW = 1024; // frames that may be sent and not seen
const WINDOW_BYTES = 1 << 18; // and what they may have together, if they are more than one
const QUEUE = 256; // events and calls that may wait to be sent
const ANSWERS = 64; // answers that may wait beside them: no server has more calls in flight
const PLACES = 99; // nodes of a cluster of which the last place is kept
const REPORT = 64; // frames that may be processed and not reported
const REPORT_AFTER = 1000; // ms from the first of them, after which whatever arrives has them reported

/** JSON as `JSON.parse` reads it, and a word about each integer that JavaScript cannot hold. */
const parse = (text, refuse) => {
  const look = (_, value, { source = value } = {}) => {
    if (Number.isInteger(value) && !Number.isSafeInteger(value) && /^-?\d+$/.test(source)) {
      refuse(new CallError("unsafe_integer", `${source} is no safe integer`));
    }
    return value;
  };
  // To look at every number takes five times as long: only where one may have so many digits.
  return JSON.parse(text, /\d{16}/.test(text) && look);
};

/** How many bytes a text has on the wire. */
const size = text => new TextEncoder().encode(text).length;

/** A text, if it has no more than so many bytes. */
const fit = (text, most, what) => {
  if (size(text) > most) throw new CallError("too_large", `${what} of over ${most} bytes`);
  return text;
};

/** A count as the other side gave it: no other number can be what it means. */
const checked = (count, least, most) => {
  if (Number.isSafeInteger(count) && count >= least && count <= most) return count;
  throw new RangeError(`${count} cannot be`);
};

/**
 * Why a call has no reply, or an event was not taken. Its `code` is `timeout`; `lost`: sent, but
 * the session ended, so it may have run; `closed`: never sent; `busy`: too much waits
 * already; `too_large`: over the server's limit; `unsafe_integer`: the reply has an integer that
 * JavaScript cannot hold; or one of the peer, who may add `data`.
 */
class CallError extends Error {
  constructor(code, message, data) {
    super(message);
    Object.assign(this, { name: "CallError", code, data });
  }
}

/**
 * Begins a session. `send(link, frame)` puts a text on a connection, and `isReady(link)` says
 * whether one was not closed meanwhile.
 */
function createSession(send, isReady) {
  let greeted; // the connection whose `hello` has come
  let token; // the secret with which to come back; without one the session ends with its connection
  let attempt; // connections that were tried to come back
  let processed; // frames of the other side
  let reported; // how many of them it has been told of
  let since; // when the first of the others was processed
  let sent; // own frames
  let seen; // how many of them the other side has processed
  let unseen; // the others
  let bytes;
  let places = []; // of the last event of each node of a cluster, the newest last; new sessions keep them

  const begin = () => {
    token = undefined;
    attempt = processed = reported = sent = seen = bytes = 0;
    unseen = [];
    session.queue = session.queue.filter(({ isReply }) => !isReply);
  };

  /** Whether frames can be sent: from `hello` on. */
  const isOpen = () => greeted && isReady(greeted);

  /** Tells the other side what was processed, if it does not know. */
  const report = () => {
    if (!isOpen() || !token || processed == reported) return;
    reported = processed;
    send(greeted, `{"seen":${processed}}`);
  };

  const greet = (link, hello) => {
    // No token is `undefined`, which a token could be.
    if (greeted == link || !/^[\w-]*$/.test(hello.token)) throw new RangeError("hello cannot be");
    let state = { value: "open" };
    if (hello.seen != null) {
      forget(hello.seen);
      if (token) state = { value: "resumed", replayed: checked(hello.replay ?? 0, 0, Infinity) };
    } else if (token) {
      const unconfirmed = unseen.filter(({ isReply }) => !isReply).length;
      state = { value: "reset", reason: hello.gap ?? "unknown", unconfirmed };
      begin();
    }
    token = hello.token;
    reported = processed;
    for (const { frame } of unseen) send(link, frame);
    // Not before: nothing may come between what is sent again. It may have been given up meanwhile.
    if (link == session.link) greeted = link;
    return state;
  };

  /** The other side has processed so many. */
  const forget = count => {
    unseen.splice(0, checked(count, seen, sent) - seen).forEach(entry => (bytes -= entry.size));
    seen = count;
  };

  /** Whether a frame may be sent now, and has not to wait until others were seen. */
  const takes = entry => {
    entry.size ??= size(entry.frame);
    return isOpen() && (!unseen.length || (unseen.length < WINDOW && bytes + entry.size <= WINDOW_BYTES));
  };

  /** Sends of what waits as much as may be sent. */
  const flush = () => {
    const [entry] = session.queue;
    if (entry && takes(entry)) {
      session.queue.shift();
      sent++;
      entry.sent = true;
      if (token) {
        unseen.push(entry);
        bytes += entry.size;
      }
      send(greeted, entry.frame);
      flush();
    }
  };

  const session = {
    /** The present connection, if there is one. */
    link: undefined,
    /** What waits to be sent: `{ frame, key, isReply }`, and `sent` once it is. */
    queue: [],
    isOpen,
    takes,
    flush,

    /** Turns to a new connection, which `open` makes of the subprotocols to offer. */
    dial(open) {
      const offers = ["socketkit.v1.json"];
      if (token) offers.push(["resume", token, processed, ++attempt, ...places].join("."));
      return (session.link = open(offers));
    },

    /** Gives the present connection up. Returns whether the session is over with it. */
    drop(isFinal) {
      if (isFinal) report();
      session.link = greeted = undefined;
      const isOver = isFinal || !token;
      if (isOver) begin();
      return isOver;
    },

    /**
     * Takes a message in, and calls `handle` if its handlers have to be called. Returns what has
     * become of the session by a `hello`: `open`, `resumed` or `reset` as `value`, and more.
     * Throws a `RangeError` at what cannot be.
     */
    receive(link, message, now, handle) {
      // Whatever comes from another than the present connection comes too late.
      if (message.hello && link == session.link) return greet(link, message.hello);
      // And what comes before `hello` belongs to no session.
      if (link != greeted) return;
      const counts = ["event", "reply", "progress", "cancel", "error"].some(kind => kind in message);
      if (counts) {
        if (processed == reported) since = now;
        // In one step with its handlers, even if one of them makes the client connect anew.
        processed++;
        if (/^(?!0+$)[\da-f]{28}$/.test(message.at)) {
          const others = places.filter(place => place.slice(0, 16) != message.at.slice(0, 16));
          places = [...others, message.at].slice(-PLACES);
        }
        handle();
      } else if (message.seen != null) {
        forget(message.seen);
        flush();
      } else {
        // There is no timer, as that of a hidden page is late: a heartbeat comes when nothing else does.
        report();
      }
      if (processed - reported >= REPORT || Math.abs(now - since) >= REPORT_AFTER) report();
    },

    /** Adds to what waits, in the place of what has the same key, and sends what may be. Whether there was room. */
    push(entry) {
      const others = session.queue.filter(({ key }) => !key || key != entry.key);
      if (others.length >= QUEUE + (entry.isReply ? ANSWERS : 0)) return false;
      session.queue = [...others, entry];
      flush();
      return true;
    },
  };

  begin();
  return session;
}

export { CallError, createSession, fit, parse };
