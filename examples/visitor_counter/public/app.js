// The counter's page: three numbers, and a plot of the last ten minutes.
import { connect } from "/ws/client.js";
import { draw } from "./plot.js";

const $ = id => document.getElementById(id);
const counter = connect();

counter.on("visitors", visitors => {
  for (const name of ["online", "total", "peak"]) $(name).value = visitors[name].toLocaleString("en");
  document.title = `${visitors.online} · Visitors`;
});

let samples = [];
counter.on("samples", seconds => {
  samples = seconds;
  draw($("plot"), samples);
});
counter.on("sample", online => {
  samples.push(online);
  samples = samples.slice(-600);
  draw($("plot"), samples);
  $("range").textContent = `${Math.min(...samples)} to ${Math.max(...samples)}`;
});

let wasOpen = false;
counter.state.subscribe(state => {
  wasOpen ||= state === "open";
  $("banner").hidden = !wasOpen || state === "open";
  $("banner").textContent =
    state === "closed" ? "Disconnected. Reload the page to come back." : "Connection lost. Reconnecting…";
});
