/** Who is present in a room, as the server tells. Loaded with the first that it does. */

/** The stores that are emptied when a session begins anew. */
const known = new WeakSet();

/** Takes in what the server has told of a room, whose store and its setter are given. */
export const tell = ([, store, set], { from, members }, state) => {
  if (!known.has(store)) state.subscribe(value => value == "reset" && set());
  known.add(store);
  const before = new Map(store.value?.members.map(present => [present.key, present]));
  const after = new Map(from === 0 ? [] : before);
  for (const present of members) {
    if (present.sockets) after.set(present.key, present);
    else after.delete(present.key);
  }
  const lacks = (all, others) => [...all.values()].filter(({ key }) => !others.has(key));
  set({ members: [...after.values()], joined: lacks(after, before), left: lacks(before, after) });
};
