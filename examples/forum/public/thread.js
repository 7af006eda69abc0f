// The thread below a post: followed while it is open.
import { fill, reply as replyElement } from "./view.js";

export class Thread {
  #forum;
  #id;
  #author;
  #element;
  #replies = new Map();
  #closed = false;

  constructor(forum, id, author) {
    this.#forum = forum;
    this.#id = id;
    this.#author = author;
  }

  /** Shows the thread in the element of its post, and follows it. */
  async open(element) {
    const draft = this.#element?.querySelector("textarea").value ?? "";
    this.#element = element;
    this.#replies.clear();
    const [section, form] = [element.querySelector(".thread"), element.querySelector("form")];
    section.querySelector(".replies").replaceChildren();
    section.hidden = false;
    form.querySelector("textarea").value = draft;
    form.querySelector("label").htmlFor = form.querySelector("textarea").id = `reply-${this.#id}`;
    form.onsubmit = event => {
      event.preventDefault();
      this.#reply(form);
    };
    element.querySelector("[data-action=thread]").setAttribute("aria-expanded", "true");
    try {
      const replies = await this.#forum.call("watch", this.#id);
      if (this.#closed) this.#forum.emit("unwatch", this.#id);
      else replies.forEach(reply => this.add(reply));
    } catch (error) {
      form.querySelector(".error").textContent = error.message;
    }
  }

  close() {
    this.#closed = true;
    this.#element.querySelector(".thread").hidden = true;
    this.#element.querySelector("[data-action=thread]").setAttribute("aria-expanded", "false");
    if (this.#forum.state.value === "open") this.#forum.emit("unwatch", this.#id);
  }

  /** Adds a reply once, in the order of ids. */
  add(reply) {
    if (this.#replies.has(reply.id) || this.#closed) return;
    const element = replyElement();
    fill(element, reply);
    element.dataset.id = reply.id;
    this.#replies.set(reply.id, element);
    const later = [...this.#replies.keys()].filter(id => id > reply.id).sort((a, b) => a - b)[0];
    this.#element.querySelector(".replies").insertBefore(element, this.#replies.get(later) ?? null);
  }

  async #reply(form) {
    const [text, error] = [form.querySelector("textarea"), form.querySelector(".error")];
    const body = text.value;
    error.textContent = "";
    text.value = "";
    try {
      await this.#forum.call("reply_to", { post: this.#id, author: this.#author(), body });
    } catch (problem) {
      text.value ||= body;
      error.textContent = problem.message;
    }
  }
}
