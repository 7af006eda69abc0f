import { connect } from "/ws/client.js";

const socket = connect();
const output = document.querySelector("output");

socket.latest("visitors").subscribe(visitors => {
  if (output && visitors) output.value = `${visitors.online}`;
});
