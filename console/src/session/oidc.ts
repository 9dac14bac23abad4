// With an identity provider: authorization code with PKCE (RFC 7636). Tokens stay in memory; what the way to the provider
// and back needs, and no token, is kept in the session's store until the person is back.

import { InMemoryWebStorage, UserManager, WebStorageStateStore } from "oidc-client-ts";
import { type Grant, grantOf, type Settings, type TokenSource } from "./token-source.ts";

const BACK = "/console/signed-in";

export class OidcSource implements TokenSource {
  readonly kind = "oidc";
  readonly #manager: UserManager;

  constructor(oidc: NonNullable<Settings["oidc"]>) {
    this.#manager = new UserManager({
      authority: oidc.authority,
      client_id: oidc.client_id,
      scope: oidc.scope ?? "openid",
      redirect_uri: location.origin + BACK,
      response_type: "code",
      userStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
      stateStore: new WebStorageStateStore({ store: sessionStorage }),
      automaticSilentRenew: false,
    });
  }

  async start(): Promise<Grant | null> {
    if (location.pathname !== BACK) return null;
    const user = await this.#manager.signinCallback().catch(() => undefined);
    const before = typeof user?.state === "string" ? user.state : "/console/";
    history.replaceState(null, "", before);
    return user ? grantOf(user.access_token, Date.now()) : null;
  }

  async renew(): Promise<Grant | null> {
    const user = await this.#manager.signinSilent().catch(() => null);
    return user ? grantOf(user.access_token, Date.now()) : null;
  }

  async signIn(): Promise<void> {
    await this.#manager.signinRedirect({ state: location.pathname });
  }
}
