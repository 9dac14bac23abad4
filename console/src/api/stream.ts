// An import as it goes on: the server's events, with the person's token; connected again by itself, with growing pauses.

import { useQueryClient } from "@tanstack/react-query";
import { EventSource } from "eventsource";
import { useEffect, useState } from "react";
import { importQuery } from "./calls.ts";
import { fetchSignedIn } from "./client.ts";
import type { Import } from "./types.ts";

/** The server says something every 15 s. */
const SILENCE_MS = 45_000;
const LONGEST_PAUSE_MS = 30_000;

export type StreamState = "connecting" | "live" | "reconnecting";

export interface Sample {
  readonly at: number;
  readonly rows: number;
}

/** Milliseconds before the n-th attempt to connect again: growing, and of random length, so that not all come at once. */
export function pauseBefore(attempt: number, random: () => number = Math.random): number {
  return Math.min(LONGEST_PAUSE_MS, 1_000 * 2 ** attempt) * (0.5 + random() / 2);
}

/** Follows an import while `wanted`; what it hears is in the cache of calls, under the import. */
export function useImportStream(id: number, wanted: boolean): { state: StreamState; samples: readonly Sample[] } {
  const calls = useQueryClient();
  const [state, setState] = useState<StreamState>("connecting");
  const [samples, setSamples] = useState<readonly Sample[]>([]);
  useEffect(() => {
    if (!wanted) return;
    let attempt = 0;
    let lastId = "";
    let source: EventSource | null = null;
    let later: ReturnType<typeof setTimeout> | undefined;
    let watchdog: ReturnType<typeof setTimeout> | undefined;
    const abort = new AbortController();

    const heard = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(again, SILENCE_MS);
    };
    const hang = () => {
      clearTimeout(later);
      clearTimeout(watchdog);
      source?.close();
      source = null;
    };
    const again = () => {
      hang();
      setState("reconnecting");
      later = setTimeout(connect, pauseBefore(attempt));
      attempt += 1;
    };
    const ended = () => {
      hang();
      void calls.invalidateQueries({ queryKey: ["import", id] });
      void calls.invalidateQueries({ queryKey: ["imports"] });
      void calls.invalidateQueries({ queryKey: ["rows", id] });
    };
    const connect = () => {
      heard();
      source = new EventSource(new URL(`/imports/${id}/events`, location.origin), {
        fetch: async (url, init) => {
          const request = new Request(url, { ...init, mode: "same-origin", signal: anyOf(abort.signal, init.signal) });
          if (lastId) request.headers.set("Last-Event-ID", lastId);
          const answer = await fetchSignedIn(request, { endless: true });
          // It has ended, was deleted, or is no longer this person's to see: the import itself says which.
          if ([204, 403, 404].includes(answer.status)) ended();
          return withEars(answer, heard);
        },
      });
      source.onopen = () => {
        attempt = 0;
        setState("live");
      };
      source.onerror = () => {
        if (source) again();
      };
      source.addEventListener("progress", (event) => {
        lastId = event.lastEventId;
        const told = JSON.parse(event.data) as Partial<Import>;
        // It is told why it ended in the next event alone, which nobody hears once the page takes the import for ended.
        if (told.status !== "PROCESSING") return ended();
        calls.setQueryData(importQuery(id).queryKey, (before) => before && { ...before, ...told });
        const rows = told.progress?.processed_rows;
        if (rows !== undefined) setSamples((all) => [...all.slice(-119), { at: Date.now(), rows }]);
      });
      source.addEventListener("lead:import-finished", ended);
    };
    const onOnline = () => {
      attempt = 0;
      again();
    };
    connect();
    window.addEventListener("online", onOnline);
    return () => {
      window.removeEventListener("online", onOnline);
      abort.abort();
      hang();
    };
  }, [id, wanted, calls]);
  return { state, samples };
}

function anyOf(own: AbortSignal, given: unknown): AbortSignal {
  return given instanceof AbortSignal ? AbortSignal.any([own, given]) : own;
}

/** The same answer; `heard` is called for whatever comes, comments between the events included. */
function withEars(answer: Response, heard: () => void): Response {
  if (!answer.body) return answer;
  const ears = new TransformStream<Uint8Array, Uint8Array>({
    transform(piece, controller) {
      heard();
      controller.enqueue(piece);
    },
  });
  const { status, statusText, headers } = answer;
  return new Response(answer.body.pipeThrough(ears), { status, statusText, headers });
}
