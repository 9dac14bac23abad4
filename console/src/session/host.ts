// Inside the platform: the page around the console has signed its user in, and hands tokens over a MessagePort.
//
// The console sends `{type: "leadflow:ready"}` with a port to the page around it, once for each host that may be one;
// the browser delivers it only where the origin is that. Over the port the console says `{type: "token-wanted"}`, and the
// page answers `{type: "token", token}` or `{type: "signed-out"}`.

import { type Grant, grantOf, type TokenSource } from "./token-source.ts";

const ANSWER_MS = 10_000;

type Answer = { type: "token"; token: string } | { type: "signed-out" };

export class HostSource implements TokenSource {
  readonly kind = "host";
  readonly #ports: MessagePort[] = [];

  constructor(hosts: readonly string[], around: Window = window.parent) {
    if (around === window) return;
    for (const host of hosts) {
      const { port1, port2 } = new MessageChannel();
      port1.start();
      this.#ports.push(port1);
      around.postMessage({ type: "leadflow:ready" }, host, [port2]);
    }
  }

  start(): Promise<Grant | null> {
    return this.renew();
  }

  renew(): Promise<Grant | null> {
    if (this.#ports.length === 0) return Promise.resolve(null);
    return new Promise((done) => {
      const late = setTimeout(() => end(null), ANSWER_MS);
      const hear = (event: MessageEvent<Answer>) =>
        end(event.data.type === "token" ? grantOf(event.data.token, Date.now()) : null);
      const end = (grant: Grant | null) => {
        clearTimeout(late);
        for (const port of this.#ports) port.removeEventListener("message", hear);
        done(grant);
      };
      for (const port of this.#ports) {
        port.addEventListener("message", hear);
        port.postMessage({ type: "token-wanted" });
      }
    });
  }
}
