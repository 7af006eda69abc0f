// The forum's page: posts and threads, live.
import { connect } from "/ws/client.js";
import { Thread } from "./thread.js";
import { article, fill } from "./view.js";

const $ = selector => document.querySelector(selector);
const forum = connect();
const [composer, author, body, posts] = ["#composer", "#author", "#body", "#posts"].map($);

/** Elements of the posts on the page, by id. */
const shown = new Map();
/** Open threads, by the id of their post. */
const threads = new Map();

author.value = localStorage.getItem("author") ?? "";
author.addEventListener("change", () => localStorage.setItem("author", author.value));

// -- posts

forum.on("history", history => {
  for (const element of shown.values()) element.remove();
  shown.clear();
  history.forEach(show);
  for (const [id, thread] of threads) {
    // A new connection is in no room: open threads are followed again.
    if (shown.has(id)) thread.open(shown.get(id));
    else threads.delete(id);
  }
  $("#empty").hidden = posts.childElementCount > 0;
});

forum.on("post_update", post => {
  const element = show(post);
  if (element) element.dataset.new = "";
  countUnread();
});

/** Adds a post, unless it is there. */
function show(post) {
  $("#empty").hidden = true;
  if (shown.has(post.id)) return null;
  const element = article();
  confirm(element, post);
  posts.prepend(element);
  return element;
}

/** Makes an element that of a post which the server has. */
function confirm(element, post) {
  fill(element, post);
  element.dataset.id = post.id;
  delete element.dataset.pending;
  element.querySelector("[data-action=thread]").hidden = false;
  element.querySelector(".state").textContent = "";
  shown.set(post.id, element);
}

composer.addEventListener("submit", event => {
  event.preventDefault();
  complain();
  const post = { author: author.value, body: body.value };
  localStorage.setItem("author", post.author);
  const element = article();
  element.dataset.pending = "";
  element.querySelector("[data-action=thread]").hidden = true;
  fill(element, { ...post, at: Date.now() });
  posts.prepend(element);
  $("#empty").hidden = true;
  body.value = "";
  submit(element, post);
});

async function submit(element, post) {
  delete element.dataset.failed;
  element.querySelector("[data-action=retry]").hidden = true;
  element.querySelector(".state").textContent = "sending…";
  try {
    const id = await forum.call("submit_post", post);
    // The broadcast may have come before the reply.
    if (shown.has(id)) element.remove();
    else confirm(element, { ...post, id, author: post.author.trim(), body: post.body.trim(), at: Date.now() });
  } catch (error) {
    if (error.code === "empty" || error.code === "too_long") {
      element.remove();
      if (!body.value) body.value = post.body;
      complain(error.data?.field ?? "body", error.message);
      $("#empty").hidden = posts.childElementCount > 0;
      return;
    }
    const retry = element.querySelector("[data-action=retry]");
    element.dataset.failed = "";
    element.querySelector(".state").textContent = error.code === "lost" ? "may not have arrived" : error.message;
    retry.hidden = false;
    retry.onclick = () => submit(element, post);
  }
}

/** Says what is wrong with a field, or that nothing is. */
function complain(field, message = "") {
  for (const input of [author, body]) {
    const wrong = input.name === field;
    input.setAttribute("aria-invalid", wrong);
    $(`[data-error=${input.name}]`).textContent = wrong ? message : "";
    if (wrong) input.focus();
  }
}

body.addEventListener("keydown", event => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) composer.requestSubmit();
});

// -- threads

posts.addEventListener("click", event => {
  const button = event.target.closest("[data-action=thread]");
  if (!button) return;
  const element = button.closest("article");
  const id = Number(element.dataset.id);
  if (threads.has(id)) {
    threads.get(id).close();
    threads.delete(id);
  } else {
    const thread = new Thread(forum, id, () => author.value);
    threads.set(id, thread);
    thread.open(element);
  }
});

forum.on("thread_update", ({ post, reply }) => {
  threads.get(post)?.add(reply);
  countUnread();
});

// -- who is here, who is typing

forum.on("online", count => ($("#online").value = count));

const typing = new Map();
forum.on("someone_typing", ({ author }) => {
  clearTimeout(typing.get(author));
  typing.set(author, setTimeout(() => (typing.delete(author), showTyping()), 3000));
  showTyping();
});

function showTyping() {
  const names = [...typing.keys()].slice(0, 3).map(name => name || "somebody");
  $("#typing").textContent = names.length ? `${names.join(", ")} ${names.length > 1 ? "are" : "is"} typing…` : "";
}

let typed = 0;
body.addEventListener("input", () => {
  if (Date.now() - typed < 2000 || forum.state.value !== "open") return;
  typed = Date.now();
  forum.emit("typing", { author: author.value.slice(0, 100) });
});

// -- the connection

let wasOpen = false;
forum.state.subscribe(state => {
  wasOpen ||= state === "open";
  const banner = $("#banner");
  banner.hidden = !wasOpen || state === "open";
  banner.textContent = state === "closed" ? "Disconnected. Reload the page to come back." : "Connection lost. Reconnecting…";
});

let unread = 0;
function countUnread() {
  if (document.hidden) document.title = `(${++unread}) Forum`;
}
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) {
    unread = 0;
    document.title = "Forum";
  }
});

// -- the drawer

const frames = $("#frames");
forum.onAny(({ direction, frame }) => {
  const line = document.createElement("li");
  line.dataset.direction = direction;
  line.textContent = frame;
  const atEnd = frames.scrollHeight - frames.scrollTop - frames.clientHeight < 40;
  frames.append(line);
  if (frames.childElementCount > 200) frames.firstElementChild.remove();
  if (atEnd) frames.scrollTop = frames.scrollHeight;
});
