// @ts-check
/** @import { CallError, Post } from "/ws/client.js" */
/** A list of posts on the page, newest first or last, with those that the server has not confirmed. */

import { copy, find } from "./dom.js";

/** @typedef {Omit<Post, "id"> & { id?: number }} Own a post that is on its way, until its id is known */

const LONGEST = 2000;
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

/**
 * How many characters the server counts: an emoji is one.
 *
 * @param {string} text
 */
const lengthOf = text => [...text].length;

/**
 * Shows a point in time: the time of today, or the date with it.
 *
 * @param {HTMLTimeElement} time
 * @param {number} at
 */
export function showTime(time, at) {
  const date = new Date(at);
  const today = date.toDateString() === new Date().toDateString();
  time.dateTime = date.toISOString();
  time.title = full.format(date);
  time.textContent = (today ? clock : calendar).format(date);
}

export class Feed {
  #list;
  #template;
  #newestFirst;
  /**
   * Own posts that are on their way, by the element that shows each.
   *
   * @type {Map<HTMLElement, Own>}
   */
  #pending = new Map();

  /**
   * @param {HTMLElement} list
   * @param {HTMLTemplateElement} template
   */
  constructor(list, template, { newestFirst = false } = {}) {
    this.#list = list;
    this.#template = template;
    this.#newestFirst = newestFirst;
  }

  get size() {
    return this.#list.childElementCount;
  }

  /**
   * @param {number} id
   * @returns {HTMLElement | null}
   */
  find(id) {
    return this.#list.querySelector(`:scope > [data-id="${Number(id)}"]`);
  }

  /**
   * Shows these posts in the place of all others, but for what is on its way still, and those in
   * which somebody writes. Returns how many of them are new here and somebody else's.
   *
   * @param {Post[]} posts
   */
  update(posts) {
    const ids = new Set(posts.map(post => post.id));
    for (const element of this.#elements()) {
      if (!ids.has(idOf(element)) && !this.#pending.has(element) && !isWrittenIn(element)) element.remove();
    }
    let fresh = 0;
    for (const post of posts) {
      const known = this.find(post.id) ?? this.#adopt(post);
      if (!known) fresh++;
      this.#put(known ?? this.#make(post), post);
    }
    return fresh;
  }

  /**
   * Shows a post that has come. Returns whether it is one of somebody else that is new.
   *
   * @param {Post} post
   */
  add(post) {
    if (this.find(post.id)) return false;
    const own = this.#adopt(post);
    const element = own ?? this.#make(post);
    element.classList.toggle("fresh", !own);
    this.#put(element, post);
    return !own;
  }

  /**
   * Shows an own post before the server has it.
   *
   * @param {{ author: string, body: string }} text
   */
  expect({ author, body }) {
    const post = { author: author.trim(), body: body.trim(), at: Date.now() };
    if (!post.author || !post.body || lengthOf(post.body) > LONGEST) return null;
    const element = this.#make(post);
    element.classList.add("pending");
    find(".state", element).textContent = "sending…";
    this.#pending.set(element, post);
    this.#insert(element);
    return element;
  }

  /**
   * The server has taken it, under this id.
   *
   * @param {HTMLElement | null} element
   * @param {number} id
   */
  confirm(element, id) {
    const post = element && this.#pending.get(element);
    if (!post) return;
    this.#settle(element);
    // Its update may have come as that of a stranger, or not yet.
    if (post.id === undefined) {
      if (this.find(id)) element.remove();
      else element.dataset.id = String(id);
    }
  }

  /**
   * The server has not taken it, as far as we know.
   *
   * @param {HTMLElement | null} element
   */
  withdraw(element) {
    const post = element && this.#pending.get(element);
    if (!post) return;
    this.#settle(element);
    if (post.id === undefined) element.remove();
  }

  /** @returns {HTMLElement[]} */
  #elements() {
    return Array.from(this.#list.querySelectorAll(":scope > *"));
  }

  /** @param {HTMLElement} element */
  #settle(element) {
    this.#pending.delete(element);
    element.classList.remove("pending");
    find(".state", element).textContent = "";
  }

  /**
   * The element of the own post that this is an update of: it comes before the reply.
   *
   * @param {Post} post
   */
  #adopt(post) {
    for (const [element, own] of this.#pending) {
      if (own.id === undefined && own.author === post.author && own.body === post.body) {
        own.id = post.id;
        return element;
      }
    }
    return null;
  }

  /** @param {Own} post */
  #make(post) {
    /** @type {HTMLElement} */
    const element = copy(this.#template);
    this.#fill(element, post);
    return element;
  }

  /**
   * @param {HTMLElement} element
   * @param {Post} post
   */
  #put(element, post) {
    this.#fill(element, post);
    element.dataset.id = String(post.id);
    this.#insert(element);
  }

  /**
   * Puts an element in its place by age; one that is there stays, with its focus and selection.
   *
   * @param {HTMLElement} element
   */
  #insert(element) {
    const id = idOf(element);
    /** @param {HTMLElement} other */
    const follows = other => (this.#newestFirst ? idOf(other) <= id : idOf(other) > id);
    const next = this.#elements().find(other => other !== element && follows(other)) ?? null;
    if (element.parentElement === this.#list && element.nextElementSibling === next) return;
    const active = /** @type {HTMLElement | null} */ (document.activeElement);
    const focused = element.contains(active) ? active : null;
    this.#list.insertBefore(element, next);
    focused?.focus({ preventScroll: true });
  }

  /**
   * @param {HTMLElement} element
   * @param {Own} post
   */
  #fill(element, { author, body, at }) {
    // `textContent` everywhere: what people write is never HTML.
    find(".author", element).textContent = author;
    find(".body", element).textContent = body;
    showTime(find("time", element), at);
    const avatar = find(".avatar", element);
    avatar.textContent = author.match(/[\p{L}\p{N}\p{Extended_Pictographic}]/u)?.[0].toUpperCase() ?? "?";
    avatar.style.setProperty("--hue", hueOf(author));
  }
}

/**
 * The id of the post that an element shows; what is on its way is newer than all.
 *
 * @param {HTMLElement} element
 */
const idOf = element => Number(element.dataset.id ?? Infinity);

/**
 * Whether there is the draft of a reply in an element, or the cursor.
 *
 * @param {HTMLElement} element
 */
const isWrittenIn = element =>
  element.contains(document.activeElement) || [...element.querySelectorAll("textarea")].some(field => field.value);

/**
 * The same colour for the same name on every screen.
 *
 * @param {string} name
 */
function hueOf(name) {
  let hue = 0;
  for (const letter of name) hue = (hue * 31 + /** @type {number} */ (letter.codePointAt(0))) % 360;
  return hue;
}

/**
 * A form that sends a text: with Enter, with a count near the limit, and with what was refused
 * beside the field at fault.
 *
 * @param {HTMLFormElement} form
 * @param {(body: string) => Promise<unknown>} send
 * @param {() => void} onInput
 */
export function compose(form, send, onInput) {
  const [field, left] = [find("[name=body]", form), find(".left", form)];

  const count = () => {
    const rest = LONGEST - lengthOf(field.value);
    left.hidden = rest > 200;
    left.value = rest < 0 ? `${-rest} too many` : `${rest} left`;
    left.classList.toggle("over", rest < 0);
  };
  field.addEventListener("input", () => {
    refuse(form, "body", "");
    count();
    onInput();
  });
  field.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    // While a word is composed, Enter picks its characters.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener("submit", async event => {
    event.preventDefault();
    const text = field.value;
    field.value = "";
    refuse(form, "body", "");
    count();
    try {
      await send(text);
    } catch (/** @type {any} */ error) {
      // Back to the field, before what was written there meanwhile.
      field.value = [text, field.value].filter(part => part.trim()).join("\n");
      count();
      const at = refuse(form, error.data?.field === "author" ? "author" : "body", explain(error));
      // Who has gone on to write elsewhere is not called back.
      if (form.contains(document.activeElement) || document.activeElement === document.body) at.focus();
    }
  });
}

/**
 * Says beside a field why it was refused; an empty text takes it back. Returns the field.
 *
 * @param {HTMLFormElement} form
 * @param {"author" | "body"} name
 * @param {string} text
 */
export function refuse(form, name, text) {
  const place = `[data-error="${name}"]`;
  const error = find(place, form) ?? find(place);
  const field = find("input, textarea", error.parentElement);
  // The server names the field as the contract does, the page as its label does.
  error.textContent = text.replace(/^(author|body)(?= is )/, field.labels[0].textContent);
  error.hidden = !text;
  if (text) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
  return field;
}

/** @param {CallError} error */
function explain({ code, message }) {
  if (code === "timeout" && message.includes("not sent")) return "It was not sent: there is no connection.";
  switch (code) {
    case "lost":
    case "timeout":
      return "No answer came. Look whether it is there before you send it again.";
    case "closed":
      return "The connection is closed. Reload the page to go on.";
    default:
      return message;
  }
}
