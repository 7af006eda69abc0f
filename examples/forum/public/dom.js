// @ts-check
/**
 * The element of the document, or of a part of it, which has it.
 *
 * @type {(selector: string, within?: ParentNode) => any}
 */
export const find = (selector, within = document) => within.querySelector(selector);

/**
 * A new one of the element in a template.
 *
 * @type {(template: HTMLTemplateElement) => any}
 */
export const copy = template => template.content.firstElementChild?.cloneNode(true);

/**
 * Keeps a text for this page and for all others of it in this browser, if that keeps anything.
 *
 * @type {(name: string, value: string) => void}
 */
export const keep = (name, value) => {
  try {
    localStorage.setItem(name, value);
  } catch {}
};

/**
 * What was kept.
 *
 * @type {(name: string) => string | null}
 */
export const kept = name => {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
};
