/** A list of posts on the page, newest first or last, with those that the server has not confirmed. */

const LONGEST = 2000;
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

/** How many characters the server counts: an emoji is one. */
const lengthOf = text => [...text].length;

/** Shows a point in time: the time of today, or the date with it. */
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
  /** Own posts that are on their way, by the element that shows each. */
  #pending = new Map();

  constructor(list, template, { newestFirst = false } = {}) {
    this.#list = list;
    this.#template = template.content.firstElementChild;
    this.#newestFirst = newestFirst;
  }

  get size() {
    return this.#list.childElementCount;
  }

  find(id) {
    return this.#list.querySelector(`:scope > [data-id="${Number(id)}"]`);
  }

  /**
   * Shows these posts in the place of all others, but for what is on its way still, and those in
   * which somebody writes. Returns how many of them are new here and somebody else's.
   */
  update(posts) {
    const ids = new Set(posts.map(post => post.id));
    for (const element of [...this.#list.children]) {
      if (!ids.has(idOf(element)) && !this.#pending.has(element) && !isWrittenIn(element)) element.remove();
    }
    let fresh = 0;
    for (const post of posts) {
      const known = this.find(post.id) ?? this.#adopt(post);
      fresh += !known;
      this.#put(known ?? this.#make(post), post);
    }
    return fresh;
  }

  /** Shows a post that has come. Returns whether it is one of somebody else that is new. */
  add(post) {
    if (this.find(post.id)) return false;
    const own = this.#adopt(post);
    const element = own ?? this.#make(post);
    element.classList.toggle("fresh", !own);
    this.#put(element, post);
    return !own;
  }

  /** Shows an own post before the server has it. */
  expect({ author, body }) {
    const post = { author: author.trim(), body: body.trim(), at: Date.now() };
    if (!post.author || !post.body || lengthOf(post.body) > LONGEST) return null;
    const element = this.#make(post);
    element.classList.add("pending");
    element.querySelector(".state").textContent = "sending…";
    this.#pending.set(element, post);
    this.#insert(element);
    return element;
  }

  /** The server has taken it, under this id. */
  confirm(element, id) {
    const post = this.#pending.get(element);
    if (!post) return;
    this.#settle(element);
    // Its update may have come as that of a stranger, or not yet.
    if (post.id === undefined) {
      if (this.find(id)) element.remove();
      else element.dataset.id = id;
    }
  }

  /** The server has not taken it, as far as we know. */
  withdraw(element) {
    const post = this.#pending.get(element);
    if (!post) return;
    this.#settle(element);
    if (post.id === undefined) element.remove();
  }

  #settle(element) {
    this.#pending.delete(element);
    element.classList.remove("pending");
    element.querySelector(".state").textContent = "";
  }

  /** The element of the own post that this is an update of: it comes before the reply. */
  #adopt(post) {
    for (const [element, own] of this.#pending) {
      if (own.id === undefined && own.author === post.author && own.body === post.body) {
        own.id = post.id;
        return element;
      }
    }
    return null;
  }

  #make(post) {
    const element = this.#template.cloneNode(true);
    this.#fill(element, post);
    return element;
  }

  #put(element, post) {
    this.#fill(element, post);
    element.dataset.id = post.id;
    this.#insert(element);
  }

  /** Puts an element in its place by age; one that is there stays, with its focus and selection. */
  #insert(element) {
    const id = idOf(element);
    const follows = other => (this.#newestFirst ? idOf(other) <= id : idOf(other) > id);
    const next = [...this.#list.children].find(other => other !== element && follows(other)) ?? null;
    if (element.parentElement === this.#list && element.nextElementSibling === next) return;
    const focused = element.contains(document.activeElement) ? document.activeElement : null;
    this.#list.insertBefore(element, next);
    focused?.focus({ preventScroll: true });
  }

  #fill(element, { author, body, at }) {
    // `textContent` everywhere: what people write is never HTML.
    element.querySelector(".author").textContent = author;
    element.querySelector(".body").textContent = body;
    showTime(element.querySelector("time"), at);
    const avatar = element.querySelector(".avatar");
    avatar.textContent = author.match(/[\p{L}\p{N}\p{Extended_Pictographic}]/u)?.[0].toUpperCase() ?? "?";
    avatar.style.setProperty("--hue", hueOf(author));
  }
}

/** The id of the post that an element shows; what is on its way is newer than all. */
const idOf = element => Number(element.dataset.id ?? Infinity);

/** Whether there is the draft of a reply in an element, or the cursor. */
const isWrittenIn = element =>
  element.contains(document.activeElement) || [...element.querySelectorAll("textarea")].some(field => field.value);

/** The same colour for the same name on every screen. */
function hueOf(name) {
  let hue = 0;
  for (const letter of name) hue = (hue * 31 + letter.codePointAt(0)) % 360;
  return hue;
}

/**
 * A form that sends a text: with Enter, with a count near the limit, and with what was refused
 * beside the field at fault. `send(body)` returns a promise.
 */
export function compose(form, send, onInput) {
  const field = form.elements.namedItem("body");
  const left = form.querySelector(".left");

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
  field.addEventListener("keydown", event => {
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
    } catch (error) {
      // Back to the field, before what was written there meanwhile.
      field.value = [text, field.value].filter(part => part.trim()).join("\n");
      count();
      const at = refuse(form, error.data?.field === "author" ? "author" : "body", explain(error));
      // Who has gone on to write elsewhere is not called back.
      if (form.contains(document.activeElement) || document.activeElement === document.body) at.focus();
    }
  });
}

/** Says beside a field why it was refused; an empty text takes it back. Returns the field. */
export function refuse(form, name, text) {
  const inside = form.querySelector(`[data-error="${name}"]`);
  const error = inside ?? document.querySelector(`[data-error="${name}"]`);
  const field = error.parentElement.querySelector("input, textarea");
  // The server names the field as the contract does, the page as its label does.
  error.textContent = text.replace(/^(author|body)(?= is )/, field.labels[0].textContent);
  error.hidden = !text;
  if (text) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
  return field;
}

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
