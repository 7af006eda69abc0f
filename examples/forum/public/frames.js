/** The drawer that shows the frames as they pass. */

const KEPT = 200;
const LONGEST = 4000;
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

const drawer = document.querySelector("#drawer");
const toggle = document.querySelector("#frames-toggle");
const frames = document.querySelector("#frames");
const template = document.querySelector("#frame-template").content.firstElementChild;

/** Adds a frame to the drawer. */
export function showFrame({ direction, frame, event, data }) {
  const item = template.cloneNode(true);
  item.dataset.direction = direction;
  const arrow = item.querySelector(".direction");
  arrow.textContent = direction === "in" ? "↓" : "↑";
  arrow.title = direction === "in" ? "received" : "sent";
  item.querySelector("b").textContent = event ?? kindOf(frame);
  item.querySelector("time").textContent = clock.format();
  item.querySelector("code").textContent = frame.slice(0, 300);
  const more = frame.length > LONGEST ? `\n… ${frame.length - LONGEST} more` : "";
  // Laid out when somebody looks.
  item.querySelector("details").addEventListener(
    "toggle",
    () => (item.querySelector("pre").textContent = indented(frame).slice(0, LONGEST) + more),
    { once: true },
  );
  frames.prepend(item);
  while (frames.childElementCount > KEPT) frames.lastElementChild.remove();
}

/** What the first member of a frame says that it is. */
const kindOf = frame => /^\{"(\w+)"/.exec(frame)?.[1] ?? "heartbeat";

const indented = frame => JSON.stringify(JSON.parse(frame), null, 2);

function open(shown) {
  drawer.hidden = !shown;
  toggle.setAttribute("aria-expanded", String(shown));
  document.body.classList.toggle("with-drawer", shown);
  if (!shown && document.activeElement === document.body) toggle.focus();
}

toggle.addEventListener("click", () => open(drawer.hidden));
document.querySelector("#frames-close").addEventListener("click", () => {
  open(false);
  toggle.focus();
});
document.querySelector("#frames-clear").addEventListener("click", () => frames.replaceChildren());
drawer.addEventListener("keydown", event => {
  if (event.key !== "Escape") return;
  open(false);
  toggle.focus();
});
