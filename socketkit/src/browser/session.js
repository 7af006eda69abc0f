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
const REPORT = 64; // frames that may be processed and not reported
const REPORT_AFTER = 1000; // ms from the first of them, after which whatever arrives has them reported

const encoder = new TextEncoder();

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

/** How many bytes a text has on the wire. */
const size = text => encoder.encode(text).length;

/** A count as the other side gave it: no other number can be what it means. */
const checked = (count, least, most) => {
  if (Number.isSafeInteger(count) && count >= least && count <= most) return count;
  throw new RangeError(`${count} is not from ${least} to ${most}`);
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

class Session {
  /** The present connection, if there is one. */
  link;
  /** What waits to be sent: `{ frame, id, key, isReply }`. */
  queue = [];
  /** Which session it is: what was asked in one is not answered in another. */
  number = 0;

  #transport;
  #greeted; // the connection whose `hello` has come
  #token; // the secret with which to come back; without one the session ends with its connection
  #attempt; // connections that were tried to come back
  #processed; // frames of the other side
  #reported; // how many of them it has been told of
  #since; // when the first of the others was processed
  #sent; // own frames
  #seen; // how many of them the other side has processed
  #window; // the others
  #bytes;

  /** `transport` has `send(link, entry)`, and `isReady(link)` of one that was not closed meanwhile. */
  constructor(transport) {
    this.#transport = transport;
    this.#begin();
  }

  #begin() {
    this.number++;
    this.#token = undefined;
    this.#attempt = this.#processed = this.#reported = this.#sent = this.#seen = this.#bytes = 0;
    this.#window = [];
    this.queue = this.queue.filter(({ isReply }) => !isReply);
  }

  /** Whether this is the present connection: whatever comes from another comes too late. */
  has(link) {
    return link == this.link;
  }

  /** Whether frames can be sent: from `hello` on. */
  get isOpen() {
    return !!this.link && this.#greeted == this.link && this.#transport.isReady(this.link);
  }

  /** Turns to a new connection, which `open` makes of the subprotocols to offer. */
  dial(open) {
    const resume = this.#token && `resume.${this.#token}.${this.#processed}.${++this.#attempt}`;
    return (this.link = open(["socketkit.v1.json", ...(resume ? [resume] : [])]));
  }

  /** Gives the present connection up. Returns whether the session is over with it. */
  drop(isFinal) {
    if (isFinal) this.#report();
    this.link = undefined;
    const isOver = isFinal || !this.#token;
    if (isOver) this.#begin();
    return isOver;
  }

  /**
   * Takes a message in, and calls `handle` if its handlers have to be called. Returns what has
   * become of the session by a `hello`: `open`, `resumed` or `reset` as `value`, and more.
   * Throws a `RangeError` at what cannot be.
   */
  receive(link, message, now, handle) {
    if (!this.has(link)) return;
    const { hello, event, reply, progress, cancel, error, seen } = message;
    if (hello) return this.#greet(link, hello);
    // What comes before `hello` belongs to no session.
    if (this.#greeted != link) return;
    const counts = event || error || reply >= 0 || progress >= 0 || cancel >= 0;
    if (counts) {
      if (this.#processed == this.#reported) this.#since = now;
      // In one step with its handlers, even if one of them makes the client connect anew.
      this.#processed++;
      handle();
    } else if (seen != null) {
      this.#forget(seen);
      this.flush();
    }
    if (!this.has(link)) return;
    const unreported = this.#processed - this.#reported;
    // There is no timer, as that of a hidden page is late: a heartbeat comes when nothing else does.
    const isHeartbeat = !counts && seen == null;
    if (isHeartbeat || unreported >= REPORT || Math.abs(now - this.#since) >= REPORT_AFTER)
      this.#report();
  }

  /** Tells the other side what was processed, if it does not know. */
  #report() {
    if (!this.isOpen || !this.#token || this.#processed == this.#reported) return;
    this.#reported = this.#processed;
    this.#transport.send(this.link, { frame: `{"seen":${this.#processed}}` });
  }

  #greet(link, { token, seen, gap, replay }) {
    if (this.#greeted == link) throw new RangeError("a second hello");
    if (!/^[\w-]*$/.test(token ?? "")) throw new RangeError("no token");
    let state = { value: "open" };
    if (seen != null) this.#forget(seen);
    if (this.#token && seen != null) {
      state = { value: "resumed", replayed: checked(replay ?? 0, 0, Infinity) };
    } else if (this.#token) {
      const unconfirmed = this.#window.filter(({ isReply }) => !isReply).length;
      state = { value: "reset", reason: gap ?? "unknown", unconfirmed };
      this.#begin();
    }
    this.#token = token;
    this.#reported = this.#processed;
    for (const entry of this.#window) this.#transport.send(link, entry);
    // Not before: nothing may come between what is sent again.
    this.#greeted = link;
    return state;
  }

  /** The other side has processed so many. */
  #forget(count) {
    const seen = checked(count, this.#seen, this.#sent);
    this.#window.splice(0, seen - this.#seen).forEach(entry => (this.#bytes -= entry.size));
    this.#seen = seen;
  }

  /** Adds to what waits, in the place of what has the same key. Returns whether there was room. */
  push(entry) {
    const others = this.queue.filter(({ key }) => !key || key != entry.key);
    if (others.length >= QUEUE + (entry.isReply ? ANSWERS : 0)) return false;
    this.queue = [...others, entry];
    return true;
  }

  /** Whether a frame may be sent now, and has not to wait until others were seen. */
  takes(entry) {
    if (!this.isOpen) return false;
    if (!this.#token || !this.#window.length) return true;
    entry.size ??= size(entry.frame);
    return this.#window.length < WINDOW && this.#bytes + entry.size <= WINDOW_BYTES;
  }

  /** Sends of what waits as much as may be sent. */
  flush() {
    while (this.queue.length && this.takes(this.queue[0])) {
      const entry = this.queue.shift();
      this.#sent++;
      if (this.#token) {
        this.#window.push(entry);
        this.#bytes += entry.size ??= size(entry.frame);
      }
      this.#transport.send(this.link, entry);
    }
  }
}

export { CallError, Session, parse, size };
