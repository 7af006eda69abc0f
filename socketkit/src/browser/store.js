/** What changes, and who is told of it. */

/** Runs what a user gave us: what it throws becomes a rejection. */
const run = async (fn, ...values) => fn(...values);

/** Adds a function to a set; the way out of it is returned. */
const join = (set, fn) => {
  const entry = value => run(fn, value);
  set.add(entry);
  return () => set.delete(entry);
};

/** A value that changes, as a store, and what changes it. */
const observe = () => {
  const subscribers = new Set();
  const store = {
    value: undefined,
    subscribe(subscriber) {
      run(subscriber, store.value);
      return join(subscribers, subscriber);
    },
  };
  const set = next => {
    store.value = next;
    for (const subscriber of [...subscribers]) subscriber(next);
  };
  return [store, set];
};

export { join, observe, run };
