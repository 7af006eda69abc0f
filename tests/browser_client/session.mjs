// Random schedules of a page and a server over connections that are cut anywhere: what one side sends
// the other gets once and in order, or its sender is told. 20,000 of them hold, and each mutation of
// the session breaks one of 2,000. `SEED=7 node session.mjs` runs one schedule.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const SOURCE = new URL("../../socketkit/src/browser/session.js", import.meta.url);

/** Limits so small that the schedules meet them. */
const SMALL = [
  ["const WINDOW = 1024;", "const WINDOW = 4;"],
  ["const WINDOW_BYTES = 1 << 18;", "const WINDOW_BYTES = 120;"],
  ["const QUEUE = 256;", "const QUEUE = 6;"],
  ["const ANSWERS = 64;", "const ANSWERS = 2;"],
  ["const PLACES = 99;", "const PLACES = 2;"],
  ["const REPORT = 64;", "const REPORT = 3;"],
];

const MUTATIONS = {
  "seen before it is processed": [["        handle();", "        later.push(() => link == greeted && handle());"]],
  "replay from the wrong number": [["sent) - seen)", "sent) - seen + 1)"]],
  "ask for a replay from the wrong number": [["processed, ++", "reported, ++"]],
  "any connection is the present one": [["if (link != greeted) return;\n      const", "const"]],
  "attempts do not grow": [["++attempt", "1 + attempt"]],
  "count after the handlers": [
    ["        processed++;\n", ""],
    ["        handle();", "        handle();\n        processed++;"],
  ],
  "send between what is sent again": [
    ["    for (const { frame }", "    greeted = link;\n    for (const { frame }"],
  ],
  "keep answers for a new session": [["queue.filter(({ isReply }) => !isReply);", "queue.filter(() => true);"]],
  "forget what waits for a new session": [
    ["session.queue = session.queue.filter(({ isReply }) => !isReply);", "session.queue = [];"],
  ],
  "keep what was sent for a new session": [["    unseen = [];", "    unseen ??= [];"]],
  "send without bounds": [["(unseen.length < WINDOW &&", "(true ||"]],
  "note a place after the handlers": [
    ["        if (/^(?!", "        handle();\n        if (/^(?!"],
    ["        }\n        handle();", "        }"],
  ],
  "forget places with the session": [["    unseen = [];", "    unseen = places = [];"]],
  "keep every place of a node": [["place.slice(0, 16) != message.at.slice(0, 16)", "place != message.at"]],
  "keep the oldest places": [["slice(-PLACES)", "slice(0, PLACES)"]],
  "keep a place without digits": [["(?!0+$)", ""]],
  "keep what is no place": [["{28}$/", "+$/i"]],
};

/** What a mutation puts off. */
const later = [];

/** What begins a session, with each of these texts of its module, which are there once, replaced. */
const load = changes => {
  let text = readFileSync(SOURCE, "utf8");
  for (const [from, to] of [...changes, ["\nexport {", "\nreturn {"]]) {
    assert.equal(text.split(from).length, 2, `there once: ${from}`);
    text = text.replace(from, () => to);
  }
  return new Function("later", text)(later).createSession;
};

/** How often the schedules have met what they are about. */
const met = { open: 0, resumed: 0, replayed: 0, unknown: 0, overflow: 0, unconfirmed: 0, full: 0, places: 0 };

/** Numbers from 0 to 1, the same ones for the same seed. */
const random = seed => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};

/** A server by the letter of wire.md, section 5. */
class Server {
  sessions = new Map();
  all = [];
  last = 0;

  constructor(chance, window) {
    Object.assign(this, { chance, window });
  }

  begin(link, more) {
    const token = `t${this.all.length}`;
    const session = { token, attempt: 0, processed: 0, reported: 0, sent: 0, seen: 0, window: [], queue: [], got: [] };
    this.sessions.set(token, session);
    this.all.push(session);
    this.greet(link, session, more);
  }

  greet(link, session, more) {
    Object.assign(link, { session });
    session.link = link;
    link.down.push({ hello: { session: "s", heartbeat: 1000, limit: 1000, token: session.token, ...more } });
  }

  /** The handshake of a connection has arrived. */
  accept(link) {
    link.isAccepted = true;
    const [, resume] = link.protocols;
    if (!resume) return this.begin(link);
    const [, token, ...numbers] = resume.split(".");
    const [seen, attempt] = numbers.map(Number);
    const session = this.sessions.get(token);
    if (!session) return this.begin(link, { gap: "unknown" });
    if (attempt <= session.attempt) return link.down.push({ close: 4409 });
    if (seen < session.sent - session.window.length || seen > session.sent) {
      this.end(session);
      return this.begin(link, { gap: "overflow" });
    }
    Object.assign(session, { attempt, seen });
    session.link?.down.push({ close: 4409 });
    session.window.splice(0, seen - (session.sent - session.window.length));
    session.reported = session.processed;
    const replay = session.window.length + session.queue.length;
    this.greet(link, session, { seen: session.processed, ...(replay && { replay }) });
    link.down.push(...session.window);
    this.flush(session);
  }

  end(session) {
    this.sessions.delete(session.token);
    session.link?.down.push({ close: 4500 });
    session.link = undefined;
  }

  emit(session) {
    if (!this.sessions.has(session.token) || session.queue.length >= 6) return;
    const seq = session.sent + session.queue.length + 1;
    const { token } = session;
    const data = { token, seq };
    const at = this.place();
    const event = { event: "e", at, data };
    const frames = [event, event, event, { event: "e", id: seq, data }, { reply: seq, data }, { error: { data } }];
    session.queue.push(frames[Math.floor(this.chance() * frames.length)]);
    this.flush(session);
  }

  /** Where an event stands, or what is no place. */
  place() {
    const node = (10 + Math.floor(this.chance() * 3)).toString(16).repeat(16);
    const place = node + (++this.last).toString(16).padStart(12, "0");
    const others = [undefined, "0".repeat(28), place.slice(1), place.toUpperCase(), 7];
    return this.chance() < 0.7 ? place : others[Math.floor(this.chance() * others.length)];
  }

  flush(session) {
    while (session.link && session.queue.length) {
      const frame = session.queue.shift();
      session.sent++;
      session.window.push(frame);
      if (session.window.length > this.window) session.window.shift();
      session.link.down.push(frame);
    }
  }

  receive(link, text) {
    const { session } = link;
    // Its generation may be over.
    if (session?.link != link) return;
    const { event, reply, data, seen } = JSON.parse(text);
    if (event || reply >= 0) {
      session.got.push(data);
      session.processed++;
      if (session.processed - session.reported >= 3) this.report(session);
    } else if (seen != null) {
      assert(Number.isInteger(seen) && seen <= session.sent && seen >= session.seen, "seen is in range");
      session.seen = seen;
      while (session.window.length > session.sent - seen) session.window.shift();
    }
  }

  report(session) {
    if (!session.link || session.reported == session.processed) return;
    session.reported = session.processed;
    session.link.down.push({ seen: session.processed });
  }
}

/** A page with the real session, and what it was told. */
class Page {
  now = 0;
  links = [];
  last = 0;
  /** How many sessions have begun. */
  number = 1;
  unseen = 0;
  /** The events that were taken. */
  taken = [];
  /** What was sent and what was handled, by number of the session. */
  sent = {};
  handled = {};
  resets = {};
  /** The session in which each answer was given. */
  answered = {};
  /** The places of all events that were handled. */
  places = [];

  constructor(createSession, chance) {
    this.chance = chance;
    this.session = createSession(
      (link, frame) => {
        link.up.push(frame);
        const { data, reply } = JSON.parse(frame);
        const isReply = reply != null;
        assert(!isReply || this.answered[data] == this.number, "an answer stays in its session");
        const sent = this.records(this.sent);
        if (data != null && data > (sent.at(-1)?.data ?? 0)) {
          sent.push({ data, isReply });
          this.unseen++;
          assert(this.unseen <= 4, "no more than the window is sent and not seen");
          met.full += this.unseen == 4;
        }
        this.disturb();
      },
      link => !link.isClosing,
    );
  }

  /** Those of the present session. */
  records(all) {
    return (all[this.number] ??= []);
  }

  /** User code runs, and may do whatever it likes. */
  disturb() {
    if (this.chance() < 0.05) this.emit();
    if (this.chance() < 0.02) {
      this.giveUp();
      if (this.chance() < 0.5) this.dial();
    }
  }

  dial() {
    if (this.session.link) return;
    this.session.dial(protocols => {
      assert(protocols.length <= 2 && protocols[0] == "socketkit.v1.json");
      if (protocols[1]) this.judge(protocols[1].split(".").slice(4));
      const link = { protocols, up: [], down: [] };
      this.links.push(link);
      return link;
    });
  }

  /** Of the two nodes of the last events, it has to say the place of the last. */
  judge(places) {
    const last = [];
    for (const place of this.places.toReversed()) {
      if (!last.some(one => one.slice(0, 16) == place.slice(0, 16))) last.unshift(place);
      if (last.length == 2) break;
    }
    assert.deepEqual(places, last, "it says what it has seen");
    met.places += places.length == 2;
  }

  giveUp() {
    if (this.session.drop()) this.number++;
  }

  emit(isReply = false) {
    const data = ++this.last;
    const frame = JSON.stringify(isReply ? { reply: data, data } : { event: "e", data });
    if (isReply) this.answered[data] = this.number;
    const isTaken = this.session.push({ frame, isReply });
    if (isTaken && !isReply) this.taken.push(data);
  }

  receive(link, message) {
    const { session } = this;
    if (message.close) {
      if (session.link != link) return;
      assert.notEqual(message.close, 4409, "the newest connection is not superseded");
      this.giveUp();
      return;
    }
    const seen = message.seen ?? message.hello?.seen;
    if (seen != null && session.link == link) this.unseen = this.records(this.sent).length - seen;
    const state = session.receive(link, message, this.now, () => {
      this.records(this.handled).push(message.data ?? message.error.data);
      // Those of this server's nodes have no zero in front, and no capitals.
      if (/^[a-f]\w{27}$/.test(message.at)) this.places.push(message.at);
      this.disturb();
    });
    if (!state) return;
    met[state.reason ?? state.value]++;
    if (state.replayed) met.replayed++;
    if (state.unconfirmed) met.unconfirmed++;
    if (state.value == "reset") {
      this.resets[this.number++] = state;
      this.unseen = 0;
    }
    session.flush();
  }
}

/** One schedule; throws at what may not be. */
function run(createSession, seed) {
  const chance = random(seed);
  const below = count => Math.floor(chance() * count);
  later.length = 0;
  const server = new Server(chance, chance() < 0.4 ? 2 : Infinity);
  const page = new Page(createSession, chance);

  const deliver = link => {
    if (!link.isAccepted) {
      if (!link.isLost) server.accept(link);
    } else if (chance() < 0.5 && link.up.length) server.receive(link, link.up.shift());
    else if (link.down.length) page.receive(link, link.down.shift());
    else if (link.up.length) server.receive(link, link.up.shift());
  };
  const cut = link => {
    // Some of what is under way still comes, late; the sides learn of the end or not.
    link.isLost = true;
    for (const way of [link.up, link.down]) way.length = below(way.length + 1);
    if (chance() < 0.5 && link.session?.link == link) link.session.link = undefined;
    if (chance() < 0.5 && page.session.link == link) page.giveUp();
    else if (chance() < 0.5) link.isClosing = true;
    // What is written from now on goes nowhere.
    for (const way of [link.up, link.down]) way.push = () => 0;
  };
  const steps = [
    () => page.emit(),
    () => page.emit(true),
    () => server.all.length && server.emit(server.all[below(server.all.length)]),
    () => page.dial(),
    () => later.length && later.shift()(),
    () => (page.now += below(1200)),
    () => server.all.length && server.report(server.all.at(-1)),
    () => chance() < 0.3 && page.giveUp(),
    () => chance() < 0.4 && page.links.length && cut(page.links[below(page.links.length)]),
    () => chance() < 0.04 && server.all.length && server.end(server.all[below(server.all.length)]),
  ];
  for (let step = 20 + below(80); step--; ) {
    if (chance() < 0.6 && page.links.length) deliver(page.links[Math.max(0, page.links.length - 1 - below(3))]);
    else steps[below(steps.length)]();
  }
  // At last the network is good, and time passes.
  page.chance = () => 1;
  if (page.session.link?.isLost) page.giveUp();
  for (let round = 0; round < 8; round++) {
    page.dial();
    later.splice(0).forEach(step => step());
    for (const link of page.links) {
      do deliver(link);
      while (link.up.length + link.down.length);
    }
    page.now += 1000;
    const present = server.all.find(({ link }) => link && link == page.session.link);
    if (present) {
      present.link.down.push({});
      server.report(present);
    }
  }
  judge(page, server);
}

function judge({ session, number: last, taken, sent, handled, resets }, server) {
  assert(session.isOpen && !session.queue.length, "it is connected, and nothing waits");
  const got = server.all.flatMap(({ got }) => got);
  assert.equal(new Set(got).size, got.length, "nothing arrives twice");
  const known = new Set(got);
  for (const one of server.all) assert(one.got.every((data, i) => !i || data > one.got[i - 1]), "in order");
  const all = new Set(Object.values(sent).flatMap(frames => frames.map(({ data }) => data)));
  assert(taken.every(data => all.has(data)), "what waits is sent");
  for (const [number, frames] of Object.entries(sent)) {
    const isLast = number == last;
    const lost = frames.filter(({ data }) => !known.has(data));
    const events = lost.filter(({ isReply }) => !isReply).length;
    assert(events <= (resets[number]?.unconfirmed ?? 0), "what is lost is told");
    assert(!isLast || !lost.length, "nothing is lost in a session");
    const first = frames.findIndex(({ data }) => !known.has(data));
    assert(first < 0 || frames.slice(first).every(({ data }) => !known.has(data)), "no hole");
  }
  for (const all of Object.values(handled)) {
    const [{ token }] = all;
    all.forEach((data, i) => assert(data.token == token && data.seq == i + 1, "each once, in order"));
  }
  const present = server.sessions.get(server.all.find(({ link }) => link == session.link)?.token);
  assert.equal(handled[last]?.length ?? 0, present.sent, "everything has come");
  assert(!present.queue.length && present.seen == present.sent, "and was reported");
}

/** The first of these schedules that breaks, and how. */
function broken(createSession, first, count) {
  for (let seed = first; seed < first + count; seed++) {
    try {
      run(createSession, seed);
    } catch (error) {
      return { seed, error };
    }
  }
}

const { SEED } = process.env;
const real = broken(load(SMALL), Number(SEED ?? 1), SEED ? 1 : 20_000);
if (real) throw new Error(`SEED=${real.seed}`, { cause: real.error });
if (SEED) process.exit();
for (const [what, times] of Object.entries(met)) assert(times > 200, `${what}: only ${times} times`);
for (const [name, changes] of Object.entries(MUTATIONS)) {
  const { seed, error } = broken(load([...SMALL, ...changes]), 1, 2_000) ?? assert.fail(`not found: ${name}`);
  console.log(`${name}: schedule ${seed}: ${error.message.split("\n")[0]}`);
}
