// Who is signed in. Calls ask for a token and wait while there is none: what a person has begun goes on afterwards.

import { type Grant, type Settings, sourceFor, type TokenSource } from "./token-source.ts";

/** `ended`: was signed in, and must sign in again; the page stays as it is meanwhile. */
export type SessionState = "starting" | "signed-in" | "signed-out" | "ended" | "unreachable";

const BEFORE_THE_END_MS = 60_000;

export class Session {
  #state: SessionState = "starting";
  #grant: Grant | null = null;
  #source: TokenSource | null = null;
  #waiting: ((token: string) => void)[] = [];
  #renewing = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #listeners = new Set<() => void>();

  get state(): SessionState {
    return this.#state;
  }

  get source(): TokenSource | null {
    return this.#source;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  async start(): Promise<void> {
    this.#become("starting");
    try {
      const answer = await fetch("/console/settings.json");
      if (!answer.ok) throw new Error();
      this.#source ??= await sourceFor((await answer.json()) as Settings);
    } catch {
      this.#become("unreachable");
      return;
    }
    if ("onGrant" in this.#source) this.#source.onGrant = (grant: Grant) => this.#take(grant);
    const grant = await this.#source.start();
    if (grant) this.#take(grant);
    else if (!this.#grant) this.#become("signed-out");
  }

  /** A token that has not ended; waits until there is one. */
  token(): Promise<string> {
    if (this.#grant && this.#grant.expiresAt > Date.now()) return Promise.resolve(this.#grant.token);
    const token = new Promise<string>((done) => this.#waiting.push(done));
    if (this.#grant) void this.#renew();
    return token;
  }

  /** The API did not believe this token. */
  refused(token: string): void {
    if (this.#grant?.token === token) void this.#renew();
  }

  /** Throws `LinkRefused`. */
  async redeem(text: string): Promise<void> {
    const grant = await this.#source?.redeem?.(text);
    if (grant) this.#take(grant);
  }

  async #renew(): Promise<void> {
    if (this.#renewing || !this.#source) return;
    this.#renewing = true;
    const old = this.#grant;
    if (old && this.#grant) this.#grant = { ...old, expiresAt: 0 };
    try {
      const grant = await this.#source.renew();
      if (grant && grant.token !== old?.token) this.#take(grant);
      else if (this.#grant?.expiresAt === 0) this.#become("ended");
    } finally {
      this.#renewing = false;
    }
  }

  #take(grant: Grant): void {
    this.#grant = grant;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#beforeTheEnd(grant), grant.expiresAt - Date.now() - BEFORE_THE_END_MS);
    this.#become("signed-in");
    for (const done of this.#waiting.splice(0)) done(grant.token);
  }

  /** Asks for the next token while this one is still good; when there is none, says so only when it has ended. */
  async #beforeTheEnd(grant: Grant): Promise<void> {
    const next = await this.#source?.renew();
    if (this.#grant !== grant) return;
    if (next && next.token !== grant.token) {
      this.#take(next);
      return;
    }
    this.#timer = setTimeout(
      () => {
        if (this.#grant === grant) void this.#renew();
      },
      Math.max(0, grant.expiresAt - Date.now()),
    );
  }

  #become(state: SessionState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

export const session = new Session();
