import { createApp, onScopeDispose, shallowRef } from "vue";
import { connect } from "/ws/client.js";
import type { Store } from "/ws/socketkit.js";

const socket = connect();

function useStore<T>(store: Store<T>) {
  const ref = shallowRef(store.value);
  onScopeDispose(store.subscribe(value => (ref.value = value)));
  return ref;
}

createApp({
  setup: () => ({
    visitors: useStore(socket.latest("visitors")),
    state: useStore(socket.state),
  }),
  template: `<p>{{ visitors?.online ?? "…" }} online<template v-if="state == 'waiting'">, reconnecting</template></p>`,
}).mount("#app");
