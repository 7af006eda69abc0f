// @ts-check
// The counter's page: three numbers, and a plot of the last ten minutes.
import { connect } from "/ws/client.js";
import { draw } from "./plot.js";

/** @type {(id: string) => any} */
const $ = id => document.getElementById(id);

// All tabs of a browser are one visitor.
let visitor = crypto.getRandomValues(new Uint32Array(4)).join("-");
try {
  visitor = localStorage.visitor ??= visitor;
} catch {
  // A browser may be told to keep nothing.
}
const counter = connect(`/ws?visitor=${visitor}`);

/**
 * How many were here in each second up to `sampledAt`.
 *
 * @type {number[]}
 */
let samples = [];
let sampledAt = 0;
/**
 * How many are here now.
 *
 * @type {number | undefined}
 */
let online;
let isConnected = false;

/** Adds the seconds that have passed; a hidden page is woken less often than that. */
function sample() {
  for (; isConnected && online !== undefined && sampledAt + 1000 <= Date.now(); sampledAt += 1000) samples.push(online);
  samples = samples.slice(-600);
  $("top").textContent = draw($("plot"), samples).toLocaleString("en");
  const [least, most] = [Math.min(...samples), Math.max(...samples)].map(n => n.toLocaleString("en"));
  if (samples.length) $("range").textContent = `${least} to ${most}`;
}
setInterval(sample, 1000);

counter.on("samples", seconds => {
  samples = seconds;
  sampledAt = Date.now();
  online = undefined;
  sample();
});

counter.on("visitors", ({ total, peak, ...now }) => {
  sample();
  online = now.online;
  for (const [name, figure] of Object.entries({ online, total, peak })) $(name).value = figure.toLocaleString("en");
  document.title = `${online} · Visitors`;
});

let wasOpen = false;
counter.state.subscribe(state => {
  // Nobody knows how many are here while the connection is lost.
  isConnected = ["open", "resumed", "reset"].includes(state);
  wasOpen ||= isConnected;
  $("banner").hidden = !wasOpen || isConnected;
  $("banner").textContent =
    state === "closed" ? "Disconnected. Reload the page to come back." : "Connection lost. Reconnecting…";
});
