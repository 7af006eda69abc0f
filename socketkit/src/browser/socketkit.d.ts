/** The events of one side: by name, what they carry and what answers them (`null`: nothing). */
export type EventMap = { [name: string]: { data: unknown; reply: unknown } };

/** What a client may send, and what a server may. */
export interface Contract {
  client: EventMap;
  server: EventMap;
}

/** A contract that says nothing: every event, with any data. */
export interface AnyContract {
  client: { [name: string]: { data: any; reply: any } };
  server: { [name: string]: { data: any; reply: any } };
}

type Name<M> = keyof M & string;
/** The events that may be sent without data, and those that may be sent with some. */
type Bare<M extends EventMap> = { [K in Name<M> as null extends M[K]["data"] ? K : never]: M[K] };
type Laden<M extends EventMap> = { [K in Name<M> as IsNull<M[K]["data"]> extends true ? never : K]: M[K] };
/** Whether a type is `null` and not `any`, which everything extends. */
type IsNull<D> = [D] extends [null] ? ([unknown] extends [D] ? false : true) : false;
/** An event without a reply may be handled by a function that returns whatever it likes. */
type Answer<R> = IsNull<R> extends true ? unknown : R | Promise<R>;
type Handler<E extends { data: unknown; reply: unknown }> = (data: E["data"]) => Answer<E["reply"]>;

/** Ends what it was returned for. */
export type Unsubscribe = () => void;

/** A value that changes, in the shape of a Svelte store. */
export interface Store<T> {
  readonly value: T;
  /** Calls a function with the present value at once, and with every later one. */
  subscribe(subscriber: (value: T) => void): Unsubscribe;
}

/** `open` from the server's `hello` on; `waiting` for the next attempt; `closed` for ever. */
export type State = "connecting" | "open" | "waiting" | "closed";

/** A frame as it passes; `event` and `data` are those of the frame, if it has any. */
export interface Passing {
  direction: "in" | "out";
  frame: string;
  event?: string;
  data?: unknown;
}

export interface CallOptions {
  /** Milliseconds to wait for the reply; 10,000 by default. */
  timeout?: number;
}

export interface ConnectOptions extends CallOptions {
  /** The flags of the events, and the largest frame in bytes, as `client.js` fills them in. */
  contract?: {
    client?: { [name: string]: { volatile?: boolean; latest?: boolean } };
    server?: { [name: string]: object };
    limit?: number;
  };
}

/** Why a call has no reply, or an event was not taken. */
export class CallError extends Error {
  /** A handler of a call throws one to refuse with a code of its own. */
  constructor(code: string, message: string, data?: unknown);
  /**
   * `timeout`; `lost`: sent, but the connection dropped, so it may have run; `closed`: never sent;
   * `busy`: too much waits already; `too_large`: over the server's limit; `unsafe_integer`: the
   * reply has an integer that JavaScript cannot hold; or the peer's own.
   */
  readonly code: string;
  readonly data: unknown;
}

export interface Socket<P extends Contract = AnyContract> {
  /**
   * Handles an event of the server. What the first handler returns, or its promise holds, answers
   * a call. A function that handles the event already is not added again.
   */
  on<K extends keyof P["server"] & string>(event: K, handler: Handler<P["server"][K]>): Unsubscribe;

  /** Handles an event as `on` does, one time. */
  once<K extends keyof P["server"] & string>(event: K, handler: Handler<P["server"][K]>): Unsubscribe;

  /** Hears of every frame as it passes, heartbeats included. */
  onAny(listener: (passing: Passing) => void): Unsubscribe;

  /**
   * Sends an event, after the next `hello` if there is no connection. Returns whether it was
   * taken: not if it is volatile and there is no connection, or if the socket is closed.
   *
   * @throws {CallError} `busy` if 256 events and calls wait already, or 1 MiB on a connection that
   *   has come to a halt; `too_large`
   */
  emit<K extends keyof Bare<P["client"]>>(event: K): boolean;
  emit<K extends keyof Laden<P["client"]>>(event: K, data: P["client"][K]["data"]): boolean;

  /** Sends an event and waits for its reply; rejects with a {@link CallError}. */
  call<K extends keyof Bare<P["client"]>>(event: K, data?: null, options?: CallOptions): Promise<P["client"][K]["reply"]>;
  call<K extends keyof Laden<P["client"]>>(
    event: K,
    data: P["client"][K]["data"],
    options?: CallOptions,
  ): Promise<P["client"][K]["reply"]>;

  readonly state: Store<State>;

  /** Closes the socket for all who share it, unless one of them connects again in this tick. */
  close(): void;
}

/**
 * Connects to a server, or joins the connection that there is to the same URL.
 *
 * @param url of the endpoint, `http` or `ws`, relative to the page; by default the folder that the
 *   script was loaded from
 */
export function connect<P extends Contract = AnyContract>(
  url?: string | URL,
  options?: ConnectOptions,
): Socket<P>;

export as namespace socketkit;
