import { connect } from "/ws/client.js";

const socket = connect();

/** Imports a text and returns how many lines it has; `show` hears how much is done, from 0 to 1. */
async function upload(text: string, show: (done: number) => void, signal: AbortSignal) {
  // As JSON no code point takes more than 6 bytes: 10,000 fit in a frame. None is cut in two.
  const pieces = text.match(/[^]{1,10000}/gu) ?? [""];
  for (const [number, text] of pieces.entries()) {
    await socket.call("piece", { number, text });
    signal.throwIfAborted();
    show((number + 1) / pieces.length / 2);
  }
  const onProgress = (percent: number) => show(0.5 + percent / 200);
  return socket.call("import", { pieces: pieces.length }, { onProgress, signal });
}

const find = <T extends Element>(selector: string) => document.querySelector<T>(selector)!;
const form = find<HTMLFormElement>("form");
const input = find<HTMLInputElement>("input");
const [start, cancel] = document.querySelectorAll("button");
const bar = find<HTMLProgressElement>("progress");
const output = find<HTMLOutputElement>("output");

form.onsubmit = async event => {
  event.preventDefault();
  const controller = new AbortController();
  cancel!.onclick = () => controller.abort();
  cancel!.disabled = !(start!.disabled = true);
  try {
    const text = await input.files![0]!.text();
    output.value = `${await upload(text, done => (bar.value = done), controller.signal)} lines`;
  } catch (error) {
    output.value = controller.signal.aborted ? "cancelled" : `${error}`;
  } finally {
    cancel!.disabled = !(start!.disabled = false);
  }
};
