// On a developer's machine a link signs in: `/console/#code=…`, once, changed for a token of 15 minutes.

import { type Grant, LinkRefused, type TokenSource } from "./token-source.ts";

const ASK_MS = 250;

type Said = { kind: "ask" } | { kind: "grant"; grant: Grant };

/** The code of a link, or of the part of it that begins with `code=`. */
export function codeIn(text: string): string | null {
  return /(?:^|[#?&\s])code=([\w.-]+)/.exec(text.trim())?.[1] ?? null;
}

export class DevSource implements TokenSource {
  readonly kind = "dev";
  /** The other windows of this browser: who signs in in one is signed in in all, from memory to memory. */
  readonly #windows = new BroadcastChannel("leadflow-session");
  #grant: Grant | null = null;

  constructor(onGrant: (grant: Grant) => void = () => {}) {
    this.onGrant = onGrant;
    this.#windows.onmessage = (event: MessageEvent<Said>) => {
      if (event.data.kind === "ask") {
        if (this.#grant && this.#grant.expiresAt > Date.now())
          this.#windows.postMessage({ kind: "grant", grant: this.#grant });
      } else if (event.data.grant.expiresAt > (this.#grant?.expiresAt ?? Date.now())) {
        this.#grant = event.data.grant;
        this.onGrant(event.data.grant);
      }
    };
    // A link that is opened in a window that shows the console changes its address alone.
    window.addEventListener("hashchange", () => {
      const code = this.#takeCode();
      if (code) this.#change(code).then(this.onGrant, () => {});
    });
  }

  /** Called with a token that nobody here asked for: another window has signed in. */
  onGrant: (grant: Grant) => void;

  async start(): Promise<Grant | null> {
    const code = this.#takeCode();
    if (code) {
      try {
        return await this.#change(code);
      } catch {
        // Used before, as after "back": perhaps another window is signed in.
      }
    }
    return this.renew();
  }

  async renew(): Promise<Grant | null> {
    const before = this.#grant;
    this.#windows.postMessage({ kind: "ask" } satisfies Said);
    await new Promise((done) => setTimeout(done, ASK_MS));
    return this.#grant !== before && this.#grant && this.#grant.expiresAt > Date.now() ? this.#grant : null;
  }

  async redeem(text: string): Promise<Grant> {
    const code = codeIn(text);
    if (!code) throw new LinkRefused();
    return this.#change(code);
  }

  /** The code of the address, which is taken out of it at once: it shall not stay in the history. */
  #takeCode(): string | null {
    const code = codeIn(location.hash);
    if (code) history.replaceState(history.state, "", location.pathname + location.search);
    return code;
  }

  async #change(code: string): Promise<Grant> {
    const answer = await fetch("/console/sign-in", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ code }),
    });
    if (!answer.ok) throw new LinkRefused();
    const { token, expires_at } = (await answer.json()) as { token: string; expires_at: number };
    const grant = { token, expiresAt: expires_at * 1000 };
    this.#grant = grant;
    this.#windows.postMessage({ kind: "grant", grant } satisfies Said);
    return grant;
  }
}
