// What became of rows, as one bar: each fate has its colour, its pattern and its number, the same everywhere.

import type { Import } from "../api/types.ts";
import { useNumbers, useWords } from "../words/words.tsx";

export const FATES = ["created", "existing", "error", "canceled", "left"] as const;
export type Fate = (typeof FATES)[number];
export type Counts = Record<Fate, number>;

/** The rows of an import by fate; they add up to all of its rows. Canceled rows are no errors here. */
export function countsOf(found: Import): Counts {
  const canceled = found.canceled ?? found.reasons?.canceled ?? 0;
  const { total_rows: rows, total_created: created, total_existing: existing, total_errors: errors } = found;
  return { created, existing, error: errors - canceled, canceled, left: rows - created - existing - errors };
}

export function FatesBar({ counts, large = false }: { counts: Counts; large?: boolean }) {
  const say = useWords();
  const total = FATES.reduce((sum, fate) => sum + counts[fate], 0);
  const { created, existing, error: errors, canceled, left } = counts;
  return (
    <div
      className={`fates${large ? " fates-large" : ""}`}
      role="img"
      aria-label={say("imports.bar", { created, existing, errors, canceled, left, total })}
    >
      {FATES.filter((fate) => counts[fate] > 0).map((fate) => (
        <div key={fate} className={`fate fate-${fate}`} style={{ flexGrow: counts[fate], flexBasis: 0 }} />
      ))}
    </div>
  );
}

/** The numbers of a bar in a line; fates that nothing had are left out. */
export function FatesLine({ counts }: { counts: Counts }) {
  const say = useWords();
  const { number } = useNumbers();
  return (
    <div className="line small quiet fates-line">
      {FATES.filter((fate) => counts[fate] > 0).map((fate) => (
        <span key={fate} className="line fates-number">
          <span className={`fate-swatch fate-${fate}`} aria-hidden="true" />
          <span>
            <strong>{number(counts[fate])}</strong> {say(`fate.${fate}`)}
          </span>
        </span>
      ))}
    </div>
  );
}
