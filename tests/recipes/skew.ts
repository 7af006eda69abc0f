import { connect } from "/ws/client.js";

const socket = connect();
const notice = document.querySelector("p")!;

socket.skew.subscribe(skew => {
  // What is new alone is no reason to disturb anybody.
  notice.hidden = !skew || (!skew.removed.length && !skew.changed.length);
});
notice.querySelector("button")!.onclick = () => location.reload();
