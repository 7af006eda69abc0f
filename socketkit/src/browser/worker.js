/**
 * The worker that has the connection for all tabs of a browser, named by its URL. What one tab sends
 * goes over it as it is, and a tab that comes late is told what the others were told in the session.
 */

import { create } from "./socketkit.js";

const FRAMES = 256; // events that are kept for who comes late
const LETTERS = 1 << 18; // and what they have together

/** Whether each tab is in the session, by its port. The one that was looked at last is the last. */
const tabs = new Map();
/** The tabs that have called, by id. */
const callers = new Map();
/** The calls of the server, by id: `{ frame, port }`. */
const asked = new Map();
/** The events of the session, `{ frame, key }`. */
let history;
let line, hello, contract;
/** Why tabs that are in the session are told of another one. */
let reason = "unknown";

/** Held as long as the worker lives: a tab that gets it has to look for another. */
const lock = crypto.randomUUID();
const held = new Promise(done => navigator.locks.request(lock, () => (done(), new Promise(() => {}))));

const tell = message => tabs.forEach((_, port) => port.postMessage(message));

const send = (frame, isReply) => line.session.push({ frame, isReply });

const keep = (event, data, frame) => {
  const { volatile, latest } = contract.server?.[event] ?? {};
  if (volatile) return;
  const values = latest?.map?.(field => data?.[field]);
  const key = latest && !values?.includes(undefined) && event + JSON.stringify(values);
  // One more says that they were too many.
  history = [...history.filter(one => !key || one.key != key), { frame, key }].slice(0, FRAMES + 1);
};

/** Has the last tab answer a call of the server. */
const ask = (id, frame) => {
  const [port] = [...tabs.keys()].slice(-1);
  asked.set(id, { frame, port });
  port.postMessage({ frame });
};

/** Hands on what the server says. */
const take = ({ event, id, data, reply, progress }, _, frame) => {
  if (event && id >= 0) return ask(id, frame);
  if (event) keep(event, data, frame);
  const caller = callers.get(reply ?? progress);
  if (caller) caller.postMessage({ frame });
  else tell({ frame });
};

/** Tells a tab how the connection fares, and what has happened if it has just come. */
const update = port => {
  const { subscribe, ...state } = line.socket.state;
  const isOpen = /^(open|res)/.test(state.value);
  const isLate = isOpen && !tabs.get(port);
  const letters = history.reduce((sum, { frame }) => sum + frame.length, 0);
  if (isLate && (history.length > FRAMES || letters > LETTERS)) {
    reason = "overflow";
    line.socket.close();
    return begin();
  }
  // Who is told everything has not gone on.
  if (isLate && state.reason == "recovered") state.reason = undefined;
  if (state.value == "open" && !isLate) Object.assign(state, { value: "reset", reason, unconfirmed: 0 });
  port.postMessage({ state, hello: isOpen && hello });
  if (isLate) history.forEach(({ frame }) => port.postMessage({ frame }));
  if (isOpen) tabs.set(port, true);
};

const begin = () => {
  const mine = (line = create(name, { take }));
  history = [];
  mine.socket.onAny(({ hello: first }) => first && (hello = { ...first, heartbeat: 0, token: undefined }));
  mine.socket.state.subscribe(value => {
    if (mine != line) return;
    const isNew = value == "open" || value == "reset";
    if (isNew) {
      // Where another node goes on with the session, what was told before does not come again.
      if (mine.socket.state.reason != "recovered") history = [];
      asked.clear();
    }
    tabs.forEach((_, port) => update(port));
    if (isNew) reason = "unknown";
    if (value == "closed") {
      line = undefined;
      tabs.clear();
    }
  });
};

const leave = port => {
  if (!tabs.delete(port)) return;
  callers.forEach((caller, id) => caller == port && send(`{"cancel":${id}}`, true));
  if (tabs.size) return asked.forEach((one, id) => one.port == port && ask(id, one.frame));
  line.socket.close();
  line = undefined;
};

globalThis.onconnect = ({ ports: [port] }) => {
  port.onmessage = async ({ data }) => {
    if (data.lock) {
      await held;
      port.postMessage({ lock });
      contract = data.contract;
      navigator.locks.request(data.lock, () => leave(port));
      tabs.set(port);
      if (line) update(port);
      else begin();
    } else if (!tabs.has(port)) {
      // What comes after the end.
    } else if (data.frame) {
      const { event, id, reply } = JSON.parse(data.frame);
      if (event && id >= 0) callers.set(id, port);
      asked.delete(reply);
      if (send(data.frame, !event)) return;
      const error = { code: "busy", message: "too much waits for the connection", event };
      port.postMessage({ frame: JSON.stringify({ reply: id, error }) });
    } else {
      const isIn = tabs.get(port);
      tabs.delete(port);
      tabs.set(port, isIn);
      line.wake(data);
    }
  };
};
