// Elements from templates. What users wrote is only ever text.

const clone = id => document.getElementById(id).content.firstElementChild.cloneNode(true);

/** An empty post. */
export const article = () => clone("post");

/** An empty reply. */
export const reply = () => clone("reply");

/** Writes author, time and text of a post or reply into its element. */
export function fill(element, { author, body, at }) {
  element.querySelector(".author").textContent = author;
  element.querySelector(".body").textContent = body;
  const time = element.querySelector("time");
  const date = new Date(at);
  time.dateTime = date.toISOString();
  time.title = date.toLocaleString();
  const today = date.toDateString() === new Date().toDateString();
  time.textContent = today
    ? date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
    : date.toLocaleDateString([], { day: "numeric", month: "short" });
}
