// Where the console's tokens come from. They are kept in memory alone: never in an address, a cookie or a store.

/** A token and when it ends, in milliseconds since 1970. */
export interface Grant {
  readonly token: string;
  readonly expiresAt: number;
}

export interface TokenSource {
  /** `dev`: a person opens a link; `host`: the page around the console; `oidc`: an identity provider. */
  readonly kind: "dev" | "host" | "oidc";
  /** The first token, or null when a person must sign in. */
  start(): Promise<Grant | null>;
  /** A new token after the last one ended or was refused, or null when a person must sign in. */
  renew(): Promise<Grant | null>;
  /** Sends the person to sign in, where a button can. */
  signIn?(): Promise<void>;
  /** Whether the page was opened by a link that was refused. */
  readonly isLinkRefused?: boolean;
  /** Signs in with what the person pasted. Throws `LinkRefused`. */
  redeem?(text: string): Promise<Grant>;
}

/** What the gateway tells the console: `/console/settings.json`. */
export interface Settings {
  readonly sign_in: TokenSource["kind"];
  /** Origins of pages that may hold the console in a frame and give it tokens. */
  readonly hosts?: readonly string[];
  readonly oidc?: { readonly authority: string; readonly client_id: string; readonly scope?: string };
}

/** The link was used before, is older than a minute, or none of ours. */
export class LinkRefused extends Error {}

/** When a token ends, as it says itself (RFC 7519: `exp`, in seconds); without that it is asked for again in a minute. */
export function grantOf(token: string, now: number): Grant {
  try {
    const payload = token.split(".")[1] ?? "";
    const claims: unknown = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    const exp = (claims as { exp?: unknown }).exp;
    if (typeof exp === "number") return { token, expiresAt: exp * 1000 };
  } catch {
    // A token that we cannot read may be good all the same: the API decides.
  }
  return { token, expiresAt: now + 60_000 };
}

export async function sourceFor(settings: Settings): Promise<TokenSource> {
  if (settings.sign_in === "oidc" && settings.oidc) {
    const { OidcSource } = await import("./oidc.ts");
    return new OidcSource(settings.oidc);
  }
  if (settings.sign_in === "dev") {
    const { DevSource } = await import("./dev.ts");
    return new DevSource();
  }
  const { HostSource } = await import("./host.ts");
  return new HostSource(settings.hosts ?? []);
}
