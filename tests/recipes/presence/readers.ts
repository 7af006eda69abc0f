import { connect } from "/ws/client.js";

// By it the server knows the tabs of this browser: nobody else gets to see it.
const visitor: string = (localStorage.visitor ??= crypto.getRandomValues(new Uint32Array(4)).join("-"));
const socket = connect(`/ws?visitor=${visitor}`);
const page = 7;

const input = document.querySelector("input")!;
const output = document.querySelector("output")!;
const news = document.querySelector("[role=status]")!;

const open = () => socket.emit("open", { page, name: input.value });
input.onchange = open;
socket.state.subscribe(state => {
  // A new session is in no room.
  if (state == "open" || state == "reset") open();
});

let isTold = false;
socket.presence(page).subscribe(presence => {
  const names = presence?.members.map(({ member }) => member.name);
  output.value = names?.join(", ") ?? "…";
  // Who was there before is no news.
  if (presence && isTold) {
    for (const { member } of presence.joined) news.textContent = `${member.name} has come`;
    for (const { member } of presence.left) news.textContent = `${member.name} has gone`;
  }
  isTold = !!presence;
});
