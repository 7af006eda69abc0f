/**
 * What a client may send, and what a server may: by name, what each event carries (`data`) and what
 * answers it (`reply`), `null` for nothing, and what is reported before (`progress`). Each side is an
 * interface or any other type.
 */
export interface Contract {
  client: object;
  server: object;
  /** What names a room, and who can be present there. */
  presence?: { room: unknown; member: unknown };
}

/** A contract that says nothing: every event, with any data. */
export interface AnyContract {
  client: { [name: string]: { data: any; reply: any; progress: any } };
  server: { [name: string]: { data: any; reply: any; progress: any } };
  presence: { room: any; member: any };
}

type Name<M> = keyof M & string;
type Data<M, K extends keyof M> = M[K] extends { data: infer D } ? D : never;
type Reply<M, K extends keyof M> = M[K] extends { reply: infer R } ? R : never;
type Progress<M, K extends keyof M> = M[K] extends { progress: infer T } ? T : never;
/** The events that may be sent without data, and those that may be sent with some. */
type Bare<M> = { [K in Name<M> as IsBare<Data<M, K>> extends true ? K : never]: M[K] };
type Laden<M> = { [K in Name<M> as IsNull<Data<M, K>> extends true ? never : K]: M[K] };
type IsBare<D> = null extends D ? true : undefined extends D ? true : false;
/** Whether a type is `null` and not `any`, which everything extends. */
type IsNull<D> = [D] extends [null] ? ([unknown] extends [D] ? false : true) : false;
/** An event without a reply may be handled by a function that returns whatever it likes. */
type Answer<R> = IsNull<R> extends true ? unknown : R | Promise<R>;
type Handler<M, K extends keyof M> = (
  data: Data<M, K>,
  call: Asked<Progress<M, K>>,
) => Answer<Reply<M, K>>;

/** A call of the server as its handlers see it, whose progress is a `T`; empty if it waits for no answer. */
export interface Asked<T> {
  /** Reports to the server how far it has come. */
  progress?: (report: T) => void;
  /** Aborted once the server has given the call up, or its session has ended: no answer is sent then. */
  signal?: AbortSignal;
}

/** Ends what it was returned for. */
export type Unsubscribe = () => void;

/** A value that changes, in the shape of a Svelte store. */
export interface Store<T> {
  readonly value: T;
  /** Calls a function with the present value at once, and with every later one. */
  subscribe(subscriber: (value: T) => void): Unsubscribe;
}

/** How a connection ended: a code of RFC 6455 or of the protocol, and the words that came with it. */
export interface Ended {
  code: number;
  reason: string;
}

/** Where the connection stands, with what belongs to its value, and how the last one ended. */
export interface StateStore extends Store<State> {
  readonly ended: Ended | undefined;
  /** When `waiting`: milliseconds from then to the next attempt, unless the page is put away. */
  readonly retryIn: number | undefined;
  /** When `resumed`: frames that the page has missed, and that come now. */
  readonly replayed: number | undefined;
  /**
   * When `reset`: `unknown`, the server has the session no more; `overflow`, the page has missed too
   * much; or `recovered`, the node of the session was lost, and another goes on with it, in its rooms:
   * the page misses nothing, and is told nothing twice.
   */
  readonly reason: string | undefined;
  /**
   * When `reset`: own events and calls that were sent and of which it is unknown whether they have
   * arrived. They are not sent again; what had to wait is sent now.
   */
  readonly unconfirmed: number | undefined;
}

/**
 * Connected, from the server's `hello` on, it is `open`; or, after a connection was lost, `resumed`
 * if nothing else was, and `reset` if the session has begun anew: what the server emits on
 * connection comes again, unless the reason is `recovered`. `waiting` for the next attempt; `closed`
 * for ever.
 */
export type State = "connecting" | "open" | "resumed" | "reset" | "waiting" | "closed";

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

/** Options of a call whose progress is reported as a `T`; `never` if it is not. */
export type CallOptionsOf<T> = CallOptions &
  ([T] extends [never]
    ? {}
    : {
        /** Called with each report, from which on `timeout` counts anew. */
        onProgress?: (progress: T) => void;
        /** Rejects the call with its reason once it is aborted, and cancels it at the other side. */
        signal?: AbortSignal;
      });

/** Somebody who is present in a room. */
export interface Present<M = unknown> {
  /** Whose entry it is: there is one a person. */
  key: string;
  /** What the others get to see. */
  member: M;
  /** Ids of the sockets over which the person is connected. */
  sockets: string[];
}

/** Who is present in a room, and whom the last change has added and taken away. */
export interface Presence<M = unknown> {
  members: Present<M>[];
  joined: Present<M>[];
  left: Present<M>[];
}

/** `null` may be left out. */
type RoomOf<P> = P extends { presence: { room: infer R } }
  ? null extends R ? [room?: R] : [room: R]
  : [room: NoPresence];
type MemberOf<P> = P extends { presence: { member: infer M } } ? M : never;
/** The room of a protocol without presence: nothing is one. */
interface NoPresence {
  "the protocol has no presence": never;
}

/** What the client knows of an event to tell that it is another: its fields and their types. */
interface Shape {
  print?: string;
  fields?: { [path: string]: string[] };
}

/** Events and their differences, by name. */
export interface Skew {
  /** Only the server has them. */
  added: string[];
  /** Only the page has them. */
  removed: string[];
  /** Their data, reply or progress is of another form. */
  changed: string[];
}

export interface ConnectOptions extends CallOptions {
  /**
   * One connection for all tabs of the browser that ask for it, in a `SharedWorker`. A tab that comes
   * late is told what the others were told in the session, but for volatile events; of latest ones
   * the newest. If those were over 256, or 256 KiB, the session begins anew: `reset` for the others,
   * for the reason `overflow`. A call of the server goes to the tab that was looked at last, and
   * `unconfirmed` counts for all tabs. For the server they are one socket: it handles what they send
   * one after the other. Where there are no such workers, or no Web Locks (a page
   * that is not secure), or the endpoint is of another origin, each tab has a connection of its own.
   */
  shared?: boolean;
  /** The flags of the events, and the largest frame in bytes, as `client.js` fills them in. */
  contract?: {
    client?: {
      [name: string]: { volatile?: boolean; latest?: boolean | string[]; max?: number } & Shape;
    };
    server?: { [name: string]: Shape };
    limit?: number;
    /** The hash of the contract. */
    schema?: string;
  };
}

/** Why a call has no reply, or an event was not taken. */
export class CallError extends Error {
  /** A handler of a call throws one to refuse with a code of its own. */
  constructor(code: string, message: string, data?: unknown);
  /**
   * `changed`: the server is another version, whose data does not fit; `timeout`; `lost`: sent, but the session ended, so it may have run; `closed`: never sent;
   * `busy`: too much waits already; `too_large`: over the server's limit; `unsafe_integer`: the
   * reply has an integer that JavaScript cannot hold (`socketkit::as_string` is for such); or the
   * peer's own.
   */
  readonly code: string;
  readonly data: unknown;
}

// Names are written out, not as a type of their own: so an error lists those that there are.
export interface Socket<P extends Contract = AnyContract> {
  /**
   * Handles an event of the server. What the first handler returns, or its promise holds, answers
   * a call, whose handlers are given ways to report progress and to learn that it was given up. If
   * it throws, the call is refused: as `internal`, unless it throws a {@link CallError}. A function
   * that handles the event already is not added again.
   */
  on<K extends keyof P["server"] & string>(event: K, handler: Handler<P["server"], K>): Unsubscribe;

  /** Handles an event as `on` does, one time. */
  once<K extends keyof P["server"] & string>(event: K, handler: Handler<P["server"], K>): Unsubscribe;

  /** Hears of every frame as it passes, heartbeats included. */
  onAny(listener: (passing: Passing) => void): Unsubscribe;

  /**
   * Sends an event, after the next `hello` if there is no connection, and after others were seen
   * if the server has yet to see 1,024 of them or 256 KiB. Returns whether it was taken: not if it
   * is volatile and would have to wait, or if the socket is closed.
   *
   * @throws {CallError} `busy` if 256 events and calls wait already, or 1 MiB on a connection that
   *   has come to a halt; `too_large` if it is over the server's limit, or that of the event
   */
  emit<K extends keyof Bare<P["client"]> & string>(event: K): boolean;
  emit<K extends keyof Laden<P["client"]> & string>(event: K, data: Data<P["client"], K>): boolean;

  /** Sends an event and waits for its reply; rejects with a {@link CallError}. */
  call<K extends keyof Bare<P["client"]> & string>(
    event: K,
    data?: null,
    options?: CallOptionsOf<Progress<P["client"], K>>,
  ): Promise<Reply<P["client"], K>>;
  call<K extends keyof Laden<P["client"]> & string>(
    event: K,
    data: Data<P["client"], K>,
    options?: CallOptionsOf<Progress<P["client"], K>>,
  ): Promise<Reply<P["client"], K>>;

  readonly state: StateStore;

  /** The newest data of an event, `undefined` until one has come: the same store for the same event. */
  latest<K extends Name<P["server"]>>(event: K): Store<Data<P["server"], K> | undefined>;

  /**
   * Who is present in a room, as far as the server tells: `undefined` until it has, and again in a new
   * session. The same store for the same room. What was told last of a room that the socket has left stays.
   */
  presence(...room: RoomOf<P>): Store<Presence<MemberOf<P>> | undefined>;

  /**
   * How the server's contract differs from that which the page was loaded with, `undefined` while it
   * does not; the lists are empty if the other could not be fetched. Data of a changed event that is
   * of another form is not handled, and reported as a {@link CallError} `changed`, as an unhandled
   * rejection or by the call. Only for servers that describe their contract.
   */
  readonly skew: Store<Skew | undefined>;

  /** Closes the socket for all who share it, unless one of them connects again in this tick. */
  close(): void;
}

/**
 * Connects to a server, or joins the connection that there is to the same URL.
 *
 * @param url of the endpoint, `http` or `ws`, relative to the page; by default the folder that the
 *   script was loaded from. In a bundle and in Node, where that is not the server's, it has to be given.
 * @throws {TypeError} if it is no URL of a server
 */
export function connect<P extends Contract = AnyContract>(
  url?: string | URL,
  options?: ConnectOptions,
): Socket<P>;

export as namespace socketkit;
