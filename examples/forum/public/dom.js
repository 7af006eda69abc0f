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
