// On a developer's machine a link signs in: `/console/#code=…`, once, changed for a token of 15 minutes. The browser's
// other windows get it from the keeper (public/keeper.js), and so does this one when its page is loaded anew.

import { type Grant, LinkRefused, type TokenSource } from "./token-source.ts";

const KEEPER = "/console/keeper.js";
const ANSWER_MS = 1_000;
/** A browser ends a worker that was not spoken to for 30 seconds. */
const AWAKE_MS = 20_000;

/** The code of a link, or of the part of it that begins with `code=`. */
export function codeIn(text: string): string | null {
  return /(?:^|[#?&\s])code=([\w.-]+)/.exec(text.trim())?.[1] ?? null;
}

export class DevSource implements TokenSource {
  readonly kind = "dev";
  isLinkRefused = false;
  /** Called with a token that nobody here asked for: another window has signed in, or a link was opened in this one. */
  onGrant: (grant: Grant) => void = () => {};
  readonly #keeper = keeper();

  constructor() {
    navigator.serviceWorker?.addEventListener("message", (event: MessageEvent<Grant>) => this.onGrant(event.data));
    setInterval(() => void this.#kept(), AWAKE_MS);
    // A link that is opened in a window that shows the console changes its address alone.
    window.addEventListener("hashchange", () => {
      const code = this.#takeCode();
      if (code) this.#change(code).then(this.onGrant, () => {});
    });
  }

  async start(): Promise<Grant | null> {
    const code = this.#takeCode();
    if (code) {
      try {
        return await this.#change(code);
      } catch {
        // Used before, as after "back": perhaps another window is signed in.
        this.isLinkRefused = true;
      }
    }
    const kept = await this.renew();
    if (kept) this.isLinkRefused = false;
    return kept;
  }

  async renew(): Promise<Grant | null> {
    const kept = await this.#kept();
    return kept && kept.expiresAt > Date.now() ? kept : null;
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
    void this.#keeper.then((worker) => worker?.postMessage({ kind: "keep", grant }));
    return grant;
  }

  async #kept(): Promise<Grant | null> {
    const worker = await this.#keeper;
    if (!worker) return null;
    return new Promise((done) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = (event: MessageEvent<Grant | null>) => done(event.data);
      setTimeout(() => done(null), ANSWER_MS);
      worker.postMessage({ kind: "ask" }, [port2]);
    });
  }
}

/** The worker that keeps tokens; null where the browser has none, as in a private window of some. */
async function keeper(): Promise<ServiceWorker | null> {
  try {
    await navigator.serviceWorker.register(KEEPER, { scope: "/console/" });
    const late = new Promise<null>((done) => setTimeout(() => done(null), ANSWER_MS));
    return (await Promise.race([navigator.serviceWorker.ready, late]))?.active ?? null;
  } catch {
    return null;
  }
}
