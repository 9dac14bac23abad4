import { useState } from "react";
import type { Import } from "../../api/types.ts";
import { countsOf, FATES, type Fate } from "../../parts/fates.tsx";
import { Flow, type FlowEnd } from "../../parts/flow.tsx";
import { Notice } from "../../parts/notice.tsx";
import { outcomeOf, useReasons } from "../../words/reasons.ts";
import { useNumbers, useWords } from "../../words/words.tsx";
import { Rows } from "./rows.tsx";
import { UndoState } from "./undo.tsx";

export interface Choice {
  readonly outcome: "created" | "existing" | "error" | null;
  readonly reason: string | null;
}

export function Result({ found }: { found: Import }) {
  const say = useWords();
  const { number } = useNumbers();
  const ends = useEnds(found);
  const [chosen, setChosen] = useState(() => firstShown(found));
  const counts = countsOf(found);
  const told = FATES.filter((fate) => fate !== "left" && (fate !== "canceled" || counts.canceled > 0));
  return (
    <>
      <UndoState found={found} />
      {found.status === "FAILED" && found.failure_reason !== "canceled" && (
        <Notice kind="error" title={say("result.failed")} spoken={false}>
          {say("result.failed.text")}
        </Notice>
      )}
      <section className="card result">
        <div className="stack">
          <h2>{say("result.title", { rows: found.total_rows })}</h2>
          <div className="sum">
            {told.map((fate, at) => (
              <p key={fate}>
                <span className="sum-sign">{at > 0 && "+"}</span>
                <strong className="number">{number(counts[fate])}</strong>
                <span className="quiet">{say(`fate.${fate}`)}</span>
              </p>
            ))}
            <p className="sum-all">
              <span className="sum-sign">=</span>
              <strong className="number">{number(found.total_rows)}</strong>
              <span className="quiet">{say("forecast.rows", { rows: found.total_rows })}</span>
            </p>
          </div>
        </div>
        <Flow ends={ends} chosen={chosen} onChoice={setChosen} number={number} label={say("result.flow")} />
      </section>
      <Rows found={found} chosen={chosen === null ? null : choiceOf(chosen)} onChoice={setChosen} />
    </>
  );
}

/** What there is to see first: the rows that did not become leads, or where all did, those; null stands for the former.
 * An API that tells reasons tells created rows, too. */
export function firstShown(found: Import): string | null {
  return found.total_existing + found.total_errors === 0 && found.reasons ? "created" : null;
}

function choiceOf(key: string): Choice {
  const [outcome, reason] = key.split(":");
  return { outcome: outcome as Choice["outcome"], reason: reason || null };
}

/** The ends of the picture: what was created, then each reason why a row was not, the largest first. */
function useEnds(found: Import): FlowEnd[] {
  const say = useWords();
  const reason = useReasons();
  const counts = countsOf(found);
  const ends: FlowEnd[] = [{ key: "created", fate: "created", label: say("fate.created"), rows: counts.created }];
  const reasons = Object.entries(found.reasons ?? {}).filter(([, rows]) => rows > 0);
  for (const outcome of ["existing", "error", "canceled"] as const) {
    const own = reasons.filter(([code]) => outcomeOf(code) === outcome).sort(([, one], [, other]) => other - one);
    if (own.length === 0 && counts[outcome] > 0) own.push(["", counts[outcome]]);
    for (const [code, rows] of own) {
      ends.push({
        key: `${outcome === "canceled" ? "error" : outcome}:${code}`,
        fate: outcome as Fate,
        label: code ? reason(code) : say(`fate.${outcome}`),
        rows,
      });
    }
  }
  return ends.filter((end) => end.rows > 0 || end.key === "created");
}
