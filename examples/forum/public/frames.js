/** The drawer that shows the frames as they pass. */

const KEPT = 200;
const frames = document.querySelector("#frames");
const template = document.querySelector("#frame-template").content.firstElementChild;

/** Adds a frame to the drawer, where it opens to its indented form. */
export function showFrame({ direction, frame }) {
  const item = template.cloneNode(true);
  item.dataset.direction = direction;
  item.querySelector("summary").textContent = frame;
  // Laid out when somebody looks.
  item.querySelector("details").addEventListener(
    "toggle",
    () => (item.querySelector("pre").textContent = JSON.stringify(JSON.parse(frame), null, 2)),
    { once: true },
  );
  frames.prepend(item);
  if (frames.childElementCount > KEPT) frames.lastElementChild.remove();
}
