// The two uploads: with XHR, since fetch tells no progress of what it sends.

import { session } from "../session/session.ts";
import { language } from "../shell/preferences.ts";
import { noteAnswer } from "./connection.ts";
import { NoAnswer, problemOf } from "./problems.ts";

export interface Upload {
  readonly path: "/import" | "/import/preview";
  readonly file: File;
  readonly data: unknown;
  /** A repeat under the same key is the same import, however often it is sent. */
  readonly key?: string;
  readonly signal: AbortSignal;
  /** Of all bytes: how many have been sent. */
  readonly onProgress?: (sent: number, total: number) => void;
}

/** The answer of a good upload. Throws `Problem`, `NoAnswer`, or an `AbortError` when it was given up. */
export async function upload<Answer>(wanted: Upload): Promise<Answer> {
  for (const last of [false, true]) {
    const token = await session.token();
    const { status, text, retryAfter } = await send(wanted, token);
    if (status === 401 && !last) {
      session.refused(token);
      continue;
    }
    if (status >= 200 && status < 300) return JSON.parse(text) as Answer;
    throw problemOf(status, text, retryAfter);
  }
  throw new NoAnswer();
}

function send(
  { path, file, data, key, signal, onProgress }: Upload,
  token: string,
): Promise<{ status: number; text: string; retryAfter: string | null }> {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    const giveUp = () => request.abort();
    if (signal.aborted) {
      fail(signal.reason);
      return;
    }
    signal.addEventListener("abort", giveUp, { once: true });
    request.open("POST", path);
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.setRequestHeader("Accept-Language", language());
    if (key) request.setRequestHeader("Idempotency-Key", key);
    request.upload.onprogress = (event) => onProgress?.(event.loaded, event.total);
    request.onloadend = () => signal.removeEventListener("abort", giveUp);
    request.onload = () => {
      noteAnswer(true);
      const retryAfter = request.getResponseHeader("Retry-After");
      done({ status: request.status, text: request.responseText, retryAfter });
    };
    request.onerror = () => {
      noteAnswer(false);
      fail(new NoAnswer());
    };
    request.onabort = () => fail(new DOMException("given up", "AbortError"));
    const form = new FormData();
    // The data first: whoever reads the body as it comes knows what the file is for.
    form.append("data", JSON.stringify(data));
    form.append("file", file);
    request.send(form);
  });
}
