import type { components } from "../../made/schema.d.ts";

export type ProblemBody = components["schemas"]["Problem"];

/** The API said no, in words that it has for people (RFC 9457). */
export class Problem extends Error {
  readonly code: string;
  readonly status: number;
  readonly body: ProblemBody;
  /** Milliseconds since 1970 from which it may be tried again. */
  readonly retryAt: number | null;

  constructor(body: ProblemBody, retryAfter: number | null) {
    super(body.title);
    this.code = body.code;
    this.status = body.status;
    this.body = body;
    this.retryAt = retryAfter === null ? null : Date.now() + retryAfter * 1000;
  }
}

/** No answer came: the connection, the gateway or the machine is away. */
export class NoAnswer extends Error {}

/** The problem that an answer says; one made of its status when it says none, as a proxy's page. */
export function problemOf(status: number, text: string, retryAfter: string | null): Problem {
  const seconds = retryAfter !== null && /^\d+$/.test(retryAfter) ? Number(retryAfter) : null;
  try {
    const body = JSON.parse(text) as ProblemBody;
    if (typeof body.code === "string" && typeof body.title === "string")
      return new Problem(body, body.retry_after ?? seconds);
  } catch {
    // Not JSON: below.
  }
  const code = status >= 500 ? "unavailable" : `http_${status}`;
  return new Problem({ type: "about:blank", title: `HTTP ${status}`, status, code, detail: "", remedy: "" }, seconds);
}

/** Whether the same call may succeed by itself a little later. */
export function passes(error: unknown): boolean {
  return error instanceof NoAnswer || (error instanceof Problem && error.status === 503);
}
