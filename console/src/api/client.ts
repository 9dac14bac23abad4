import createClient, { type Middleware } from "openapi-fetch";
import type { paths as LeadPaths } from "../../made/leads.d.ts";
import type { paths } from "../../made/schema.d.ts";
import { session } from "../session/session.ts";
import { language } from "../shell/preferences.ts";
import { noteAnswer } from "./connection.ts";
import { NoAnswer, problemOf } from "./problems.ts";

const SLOW_MS = 30_000;

/** Fetches with the person's token and language; a token that is not believed is replaced once. Throws `NoAnswer`. */
export async function fetchSignedIn(request: Request, { endless = false } = {}): Promise<Response> {
  for (const last of [false, true]) {
    const token = await session.token();
    const attempt = new Request(request.clone(), endless ? {} : { signal: patience(request.signal) });
    attempt.headers.set("Authorization", `Bearer ${token}`);
    attempt.headers.set("Accept-Language", language());
    let answer: Response;
    try {
      answer = await fetch(attempt);
    } catch (error) {
      if (request.signal.aborted) throw error;
      noteAnswer(false);
      throw new NoAnswer();
    }
    noteAnswer(true);
    if (answer.status !== 401 || last) return answer;
    session.refused(token);
  }
  throw new NoAnswer();
}

function patience(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(SLOW_MS)]);
}

const refusals: Middleware = {
  async onResponse({ response }) {
    if (response.ok) return undefined;
    throw problemOf(response.status, await response.text(), response.headers.get("Retry-After"));
  },
};
const options = { baseUrl: location.origin, fetch: (request: Request) => fetchSignedIn(request) };

export const api = createClient<paths>(options);
api.use(refusals);

/** The calls of leads, which another service answers under the same address. */
export const leadsApi = createClient<LeadPaths>(options);
leadsApi.use(refusals);

/** The answer's body; every other answer has been thrown as a `Problem`. */
export function body<Data>(answer: { data?: Data }): Data {
  return answer.data as Data;
}
