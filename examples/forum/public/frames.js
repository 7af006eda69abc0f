// @ts-check
/** @import { Passing } from "/ws/socketkit.js" */
/** The drawer that shows the frames as they pass. */

import { copy, find } from "./dom.js";

const KEPT = 200;
/** @type {HTMLElement} */
const frames = find("#frames");
const template = find("#frame-template");

/**
 * Adds a frame to the drawer, where it opens to its indented form.
 *
 * @param {Passing} passing
 */
export function showFrame({ direction, frame }) {
  const item = copy(template);
  item.dataset.direction = direction;
  item.querySelector("summary").textContent = frame;
  // Laid out when somebody looks.
  item.querySelector("details").addEventListener(
    "toggle",
    () => (item.querySelector("pre").textContent = JSON.stringify(JSON.parse(frame), null, 2)),
    { once: true },
  );
  frames.prepend(item);
  if (frames.childElementCount > KEPT) frames.lastElementChild?.remove();
}
