// @ts-check
/** @import { Post } from "/ws/client.js" */
import { connect } from "/ws/client.js";
import { find, keep, kept } from "./dom.js";
import { Feed, compose, refuse } from "./feed.js";
import { showFrame } from "./frames.js";

/** @type {HTMLInputElement} */
const author = find("#author");
/** @type {HTMLElement} */
const list = find("#posts");
const posts = new Feed(list, find("#post-template"), { newestFirst: true });

// All tabs of a browser are one visitor. The server makes of it what the others see.
const visitor = kept("visitor") ?? crypto.getRandomValues(new Uint32Array(4)).join("-");
keep("visitor", visitor);

const forum = connect(`/ws?visitor=${visitor}`);
forum.onAny(showFrame);

// --- posts

forum.on("history", history => {
  const isFirst = posts.size === 0;
  list.setAttribute("aria-busy", "true");
  const fresh = posts.update(history);
  list.setAttribute("aria-busy", "false");
  if (!isFirst) count(fresh);
  showEmpty();
  // It comes with a new session, which is in no rooms yet.
  for (const [article, thread] of threads) {
    if (!article.isConnected) threads.delete(article);
    else if (thread.watched) thread.watch();
  }
});

forum.on("post_update", post => {
  if (posts.add(post)) {
    count();
    if (isReplayed) caughtUp++;
  }
  showEmpty();
});

compose(
  find("#composer"),
  body => submit(posts, body, () => forum.call("submit_post", { author: author.value, body })),
  typing,
);

/**
 * Shows an own text at once, until the server has confirmed or refused it.
 *
 * @param {Feed} feed
 * @param {string} body
 * @param {() => Promise<number>} send returns its id
 */
async function submit(feed, body, send) {
  const shown = feed.expect({ author: author.value, body });
  said = 0;
  showEmpty();
  try {
    feed.confirm(shown, await send());
  } catch (error) {
    feed.withdraw(shown);
    throw error;
  } finally {
    showEmpty();
  }
}

function showEmpty() {
  find("#empty").hidden = posts.size > 0 || list.getAttribute("aria-busy") === "true";
}

// --- threads

/**
 * The threads that were opened, by the article of their post.
 *
 * @type {Map<Element, ReturnType<typeof openable>>}
 */
const threads = new Map();

list.addEventListener("click", ({ target }) => {
  const toggle = target instanceof Element && target.closest("[data-action=thread]");
  const article = toggle && toggle.closest("article");
  if (!article) return;
  const thread = threads.get(article) ?? openable(article, toggle);
  threads.set(article, thread);
  thread.toggle();
});

forum.on("thread_update", ({ post, reply }) => {
  const article = posts.find(post);
  if (article && threads.get(article)?.add(reply)) count();
});

/**
 * @param {HTMLElement} article
 * @param {Element} toggle
 */
function openable(article, toggle) {
  const section = find(".thread", article);
  /** @type {HTMLFormElement} */
  const form = find("form", section);
  const field = find("[name=body]", form);
  const replies = new Feed(find(".replies", section), find("#reply-template"));
  const id = () => Number(article.dataset.id);
  section.id = `thread-${id()}`;
  field.id = `reply-${id()}`;
  find("label", form).htmlFor = field.id;
  const error = find(".error", form);
  error.id = `reply-error-${id()}`;
  field.setAttribute("aria-describedby", error.id);
  toggle.setAttribute("aria-controls", section.id);

  const thread = {
    watched: false,
    toggle() {
      thread.watched = !thread.watched;
      show();
      if (thread.watched) thread.watch().then(() => field.focus());
      else forum.emit("unwatch", id());
    },
    async watch() {
      try {
        replies.update(await forum.call("watch", id()));
        refuse(form, "body", "");
      } catch (/** @type {any} */ error) {
        // Of a session that ends meanwhile, the next one asks again.
        if (error.code !== "lost") refuse(form, "body", `The thread did not open: ${error.message}.`);
      }
      show();
    },
    /** @param {Post} reply */
    add(reply) {
      const isNew = thread.watched && replies.add(reply);
      show();
      return isNew;
    },
  };

  function show() {
    section.hidden = !thread.watched;
    article.toggleAttribute("data-watched", thread.watched);
    toggle.setAttribute("aria-expanded", String(thread.watched));
    const known = replies.size ? ` · ${replies.size} ${replies.size === 1 ? "reply" : "replies"}` : "";
    toggle.textContent = (thread.watched ? "Close thread" : "Open thread") + known;
  }

  /** @param {string} body */
  const send = body => forum.call("reply_to", { post: id(), author: author.value, body });
  compose(form, body => submit(replies, body, () => send(body)).finally(show), typing);
  return thread;
}

// --- who is here, and who is typing

forum.presence("forum").subscribe(readers => {
  const here = readers?.members.map(({ member }) => member.name) ?? [];
  const names = here.filter(Boolean).sort((a, b) => a.localeCompare(b));
  const others = here.length - names.length;
  const shown = others ? [...names, others === 1 ? "somebody else" : `${others} others`] : names;
  find("#online").value = readers ? here.length.toLocaleString() : "–";
  find("#who").textContent = names.length ? `Here: ${new Intl.ListFormat("en").format(shown)}` : "";
});

/** @type {ReturnType<typeof setTimeout>} */
let introduction;

/** Says by what name to show this visitor, once the name has been written. */
function introduce(pause = 0) {
  clearTimeout(introduction);
  introduction = setTimeout(() => forum.emit("introduce", { name: author.value.trim() }), pause);
}

// A new session knows nobody's name.
forum.on("history", () => {
  if (author.value) introduce();
});

/** @type {Map<string, number>} */
const typists = new Map();
let said = 0;

/** Tells the others, now and again, that somebody is typing here. */
function typing() {
  const name = author.value.trim();
  if (!name || Date.now() - said < 2000) return;
  said = Date.now();
  forum.emit("typing", { author: name });
}

forum.on("someone_typing", ({ author: name }) => {
  clearTimeout(typists.get(name));
  typists.set(name, setTimeout(() => stopped(name), 4000));
  showTypists();
});

/** @param {string} name */
function stopped(name) {
  clearTimeout(typists.get(name));
  if (typists.delete(name)) showTypists();
}

forum.on("post_update", ({ author: name }) => stopped(name));
forum.on("thread_update", ({ reply }) => stopped(reply.author));

function showTypists() {
  const names = [...typists.keys()];
  const who = names.length > 3 ? "Several people" : new Intl.ListFormat("en").format(names);
  find("#typing").textContent = who && `${who} ${names.length > 1 ? "are" : "is"} typing…`;
}

// --- the name is kept

author.value = kept("author") ?? "";
author.addEventListener("input", () => {
  refuse(find("#composer"), "author", "");
  keep("author", author.value.trim());
  introduce(600);
});

// --- unread posts, in the title of a hidden tab

const title = document.title;
let unread = 0;

function count(fresh = 1) {
  if (!document.hidden || !fresh) return;
  unread += fresh;
  document.title = `(${unread}) ${title}`;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  unread = 0;
  document.title = title;
});

// --- the connection

const banner = find("#banner");
let wasOpen = false;
/** Frames that were missed and are to come now. */
let replay = 0;
let isReplayed = false;
/** Posts of others that they have brought, with those of a replay that was cut short. */
let caughtUp = 0;
/** @type {number | undefined} */
let shown;

forum.state.subscribe(state => {
  const isOpen = ["open", "resumed", "reset"].includes(state);
  wasOpen ||= isOpen;
  replay = forum.state.replayed ?? 0;
  if (state === "reset") caughtUp = 0;
  clearTimeout(shown);
  // The first attempt is no news.
  banner.hidden = isOpen || (state === "connecting" && !wasOpen && banner.hidden);
  banner.classList.remove("good");
  banner.textContent = state === "closed"
    ? "The connection is closed. Reload the page to go on."
    : wasOpen ? "Connection lost. Reconnecting…" : "No connection yet. Trying again…";
});

forum.onAny(({ direction, frame }) => {
  // The server's other frames are not of the session.
  if (direction === "out" || !/^\{"(event|reply|error)"/.test(frame)) return;
  isReplayed = replay > 0;
  // Its handlers come first.
  if (isReplayed && --replay === 0) queueMicrotask(showCaughtUp);
});

function showCaughtUp() {
  if (!caughtUp) return;
  banner.textContent = `Caught up: ${caughtUp} ${caughtUp === 1 ? "post" : "posts"}`;
  banner.classList.add("good");
  banner.hidden = false;
  caughtUp = 0;
  shown = setTimeout(() => (banner.hidden = true), 5000);
}

// --- a new version of the server, and of this page

forum.skew.subscribe(skew => {
  find("#update").hidden = !skew;
});
find("#update button").addEventListener("click", () => location.reload());
