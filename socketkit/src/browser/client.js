/**
 * The way in for a page: `connect` with the contract of the endpoint that serves this module.
 *
 *     import { connect } from "/ws/client.js";
 *     const forum = connect();
 */

import { CallError, connect as connectTo } from "./socketkit.js";

/** The events and their flags, and the largest frame in bytes; filled in by the server. */
const contract = "__CONTRACT__";

/**
 * Connects as `connect` of `socketkit.js` does. An event that the contract does not know is a
 * `TypeError`, which names those that it does.
 *
 * @param {string | URL} [url] by default the endpoint under which this module is served; in a bundle or in
 *   Node, where it is not, it has to be given
 * @param {{ timeout?: number, shared?: boolean }} [options] milliseconds that a call waits for its reply
 *   (10,000), and whether all tabs of the browser share one connection
 */
export const connect = (url, options) => connectTo(url, { contract, ...options });

export { CallError };
