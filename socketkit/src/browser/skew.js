/**
 * What another version of the server has changed, and whether what it sends is what the page knows.
 * Loaded when a server says that it has another contract.
 */

const kind = value =>
  value === undefined ? "absent"
  : value === null ? "null"
  : Array.isArray(value) ? "array"
  : Number.isInteger(value) ? "integer"
  : typeof value;

/** The values at a path, each with where it is. */
function* places(value, keys, at) {
  const [key, ...rest] = keys;
  if (key == null) yield [at, value];
  else if (value && typeof value == "object")
    for (const name of key == "*" ? Object.keys(value) : [key]) yield* places(value[name], rest, `${at}.${name}`);
}

/** Where a payload is not what its fields are said to be, in words. */
const fault = (fields, data) => {
  for (const [path, types] of Object.entries(fields ?? {})) {
    for (const [at, value] of places(data, path.split("/").slice(1), "data")) {
      const is = kind(value);
      const fits = types.includes(is) || types.includes(JSON.stringify(value));
      if (!fits && !(is == "integer" && types.includes("number"))) return `${at} is ${is}, not ${types.join(" or ")}`;
    }
  }
};

/**
 * Compares the contract that the page knows with that of the server at `url`, whose hash is `schema`: what is
 * different, and what judges data by that.
 */
export const look = async (url, mine, schema, CallError) => {
  if (!schema || schema == mine.schema) return [, () => {}];
  const at = new URL(url.replace("ws", "http"));
  at.search = "";
  at.pathname += "/contract.json";
  const theirs = await fetch(at).then(reply => reply.json()).catch(() => {});
  const names = is => [
    ...new Set(["client", "server"].flatMap(side => {
      const [one, other] = [mine[side], theirs?.[side] ?? mine[side]];
      return Object.keys({ ...one, ...other }).filter(name => is(one[name], other[name]));
    })),
  ];
  const isOther = (one, other) => one && other && theirs && one.print != other.fingerprint;
  return [
    { added: names(one => !one), removed: names((_, other) => !other), changed: names(isOther) },
    // Without their contract every event may be another.
    (side, event, data) => {
      const one = mine[side]?.[event];
      const found = (!theirs || isOther(one, theirs[side][event])) && fault(one?.fields, data);
      return found && new CallError("changed", `"${event}" has changed: ${found}`);
    },
  ];
};
