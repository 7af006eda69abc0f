// What a page may write, and what it may not: each line marked as an error has to be one.
import { CallError, connect, type State } from "../../socketkit/src/browser/socketkit.js";
import type { Forum, Post } from "./forum.js";

const forum = connect<Forum>("/ws", { timeout: 5_000 });
const posts: Post[] = [];

const unsubscribe: () => void = forum.on("history", all => all.forEach(post => posts.push(post)));
forum.on("post_update", post => posts.push(post));
forum.on("post_update", async post => void (await Promise.resolve(post)));
forum.once("history", all => all.length);
forum.on("confirm", ({ id }) => id > 0);
forum.on("confirm", async ({ id }) => id > 0);
unsubscribe();
forum.on("work", (_, { progress, signal }) => (signal?.addEventListener("abort", () => {}), progress?.(1), 2));

const taken: boolean = forum.emit("typing");
forum.emit("watch", 7);
forum.emit("search");
forum.emit("search", "ada");
forum.emit("sort");
forum.emit("sort", { by: "date" });

export async function publish(author: string, body: string): Promise<number> {
  try {
    return await forum.call("submit_post", { author, body });
  } catch (error) {
    if (error instanceof CallError) return error.code == "empty" ? 0 : -1;
    throw error;
  }
}
export const done: Promise<null> = forum.call("typing", null, { timeout: 100 });
export const found: Promise<Post[]> = forum.call("search");

const state: State = forum.state.value;
forum.state.subscribe(now => console.log(now, state, taken))();
const why: string | undefined = forum.state.ended?.reason;
const { replayed, reason, unconfirmed, retryIn } = forum.state;
const counts: (number | undefined)[] = [replayed, unconfirmed, retryIn];
export const isConnected: boolean = ["open", "resumed", "reset"].includes(state);
export const news: string = state == "resumed" ? `${replayed}` : state == "reset" ? `${reason}` : "";
console.log(why, counts);
forum.onAny(({ direction, frame, event }) => console.log(direction, frame, event));
forum.close();

// Without a contract everything goes.
const any = connect();
connect("/ws", { contract: { client: { move: { latest: ["piece", "board"], max: 100 }, seen: { latest: true } } } });
any.emit("anything");
any.emit("anything", { at: 1 });
any.on("something", ({ at }) => at);

// @ts-expect-error no such event
forum.emit("tiping");
// @ts-expect-error no such event
forum.emit("wacth", 7);
// @ts-expect-error no such event
forum.call("submit", { author: "ada", body: "hello" });
// @ts-expect-error no such event
forum.on("histroy", () => {});
// @ts-expect-error another type
forum.emit("watch", "seven");
// @ts-expect-error an event without data
forum.emit("typing", 1);
// @ts-expect-error data missing
forum.emit("watch");
// @ts-expect-error data missing
forum.call("submit_post");
// @ts-expect-error a field missing
forum.call("submit_post", { author: "ada" });
// @ts-expect-error another type
forum.on("post_update", (post: string) => post);
// @ts-expect-error a call has to be answered
forum.on("confirm", () => {});
// @ts-expect-error another reply
forum.on("confirm", async () => "yes");
// @ts-expect-error another progress
forum.on("work", (_, { progress }) => (progress?.("half"), 2));
// @ts-expect-error another reply
export const text: Promise<string> = forum.call("submit_post", { author: "ada", body: "hello" });
// @ts-expect-error only the client changes its state
forum.state.value = "open";
// @ts-expect-error nor what belongs to it
forum.state.replayed = 1;
// @ts-expect-error a state that there is not
export const lost: boolean = forum.state.value == "lost";
// @ts-expect-error no contract
connect<{ client: {} }>();
