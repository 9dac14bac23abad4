// Looks into the file again whenever what is chosen changes what would become of it.

import { useCallback, useEffect, useRef, useState } from "react";
import type { Preview } from "../../api/types.ts";
import { upload } from "../../api/upload.ts";
import { currentDraft, type Draft, dataOf, setDraft } from "./draft.ts";

/** Typing goes on for a moment after each letter. */
const PAUSE_MS = 400;

/** What a preview depends on, and an import's name does not. */
function asked(draft: Draft): string {
  return JSON.stringify(dataOf(draft, { forPreview: true }));
}

export function usePreview(draft: Draft): { busy: boolean; error: unknown; again: () => void } {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [tries, setTries] = useState(0);
  const answered = useRef(draft.preview ? asked(draft) : null);
  const wanted = asked(draft);
  const can = draft.preview !== null;
  // biome-ignore lint/correctness/useExhaustiveDependencies: `tries` asks again for the same
  useEffect(() => {
    if (!can || wanted === answered.current) return;
    const abort = new AbortController();
    setBusy(true);
    const later = setTimeout(async () => {
      const now = currentDraft();
      if (!now) return;
      try {
        const preview = await upload<Preview>({
          path: "/import/preview",
          file: now.file,
          data: JSON.parse(wanted),
          signal: abort.signal,
        });
        answered.current = wanted;
        const latest = currentDraft();
        if (latest) setDraft({ ...latest, preview });
        setError(null);
      } catch (found) {
        if (abort.signal.aborted) return;
        setError(found);
      }
      setBusy(false);
    }, PAUSE_MS);
    return () => {
      clearTimeout(later);
      abort.abort();
    };
  }, [wanted, can, tries]);
  const again = useCallback(() => setTries((before) => before + 1), []);
  return { busy, error, again };
}
