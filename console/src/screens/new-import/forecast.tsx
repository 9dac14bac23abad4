// What will become of the rows: the same picture as afterwards, of the same decision.

import type { Preview } from "../../api/types.ts";
import type { Fate } from "../../parts/fates.tsx";
import { Flow, type FlowEnd } from "../../parts/flow.tsx";
import { outcomeOf, useReasons } from "../../words/reasons.ts";
import { useNumbers, useWords } from "../../words/words.tsx";

interface Props {
  readonly preview: Preview;
  readonly chosen: string | null;
  readonly onChoice: (key: string | null) => void;
  /** Other numbers are on their way. */
  readonly stale: boolean;
}

export function Forecast({ preview, chosen, onChoice, stale }: Props) {
  const say = useWords();
  const reason = useReasons();
  const { number, moment } = useNumbers();
  const { forecast, quota, new_tags: tags } = preview;
  if (!forecast) return null;
  const sums = [
    ["created", forecast.created],
    ["existing", forecast.existing],
    ["error", forecast.errors],
  ] as const;
  return (
    <section className={`card result${stale ? " stale" : ""}`} aria-busy={stale}>
      <div className="stack">
        <h2>{say("forecast.title")}</h2>
        <div className="sum">
          {sums.map(([fate, rows]) => (
            <p key={fate}>
              <strong className="number">{number(rows)}</strong>
              <span className="quiet">{say(`forecast.${fate}`, { rows })}</span>
            </p>
          ))}
          <p className="sum-all">
            <strong className="number">{number(preview.total_rows)}</strong>
            <span className="quiet">{say("forecast.rows", { rows: preview.total_rows })}</span>
          </p>
        </div>
        {tags.length > 0 && (
          <p className="small quiet">
            {say("forecast.newTags", { count: tags.length })} {tags.slice(0, 8).join(", ")}
            {tags.length > 8 && "…"}
          </p>
        )}
        {quota && (
          <p className={`small ${quota.rows.left < preview.total_rows || quota.imports.left < 1 ? "said" : "quiet"}`}>
            {say("forecast.quota", { left: quota.rows.left, limit: quota.rows.limit, imports: quota.imports.left })}
            {quota.resets_at && ` ${say("forecast.resets", { time: moment(quota.resets_at) })}`}
          </p>
        )}
      </div>
      <Flow ends={endsOf()} chosen={chosen} onChoice={onChoice} number={number} label={say("forecast.flow")} />
    </section>
  );

  function endsOf(): FlowEnd[] {
    const found = forecast ?? { created: 0, existing: 0, errors: 0 };
    const ends: FlowEnd[] = [
      { key: "created", fate: "created", label: say("forecast.new", { rows: found.created }), rows: found.created },
    ];
    for (const fate of ["existing", "error"] as const) {
      const own = Object.entries(preview.reasons).filter(([code, rows]) => outcomeOf(code) === fate && rows > 0);
      for (const [code, rows] of own.sort(([, one], [, other]) => other - one)) {
        ends.push({ key: code, fate: fate as Fate, label: reason(code), rows });
      }
    }
    return ends;
  }
}
