import { useEffect, useRef, useState } from "react";
import { useConnected } from "../../api/connection.ts";
import type { Sample, StreamState } from "../../api/stream.ts";
import type { Import } from "../../api/types.ts";
import { countsOf, FATES, FatesBar } from "../../parts/fates.tsx";
import { Notice } from "../../parts/notice.tsx";
import { rateOf, SpeedLine, speedsOf } from "../../parts/speed.tsx";
import { percents } from "../../words/percents.ts";
import { useNumbers, useWords } from "../../words/words.tsx";

const ETA_AFTER_MS = 3_000;
/** A break of the connection that is shorter is nobody's concern. */
const PATIENCE_MS = 2_000;

interface Props {
  readonly found: Import;
  readonly stream: { readonly state: StreamState; readonly samples: readonly Sample[] };
}

export function Live({ found, stream }: Props) {
  const say = useWords();
  const { number, percent, lasting, clock } = useNumbers();
  const opened = useRef(Date.now());
  const heardAt = useHeardAt(found);
  const connected = useConnected();
  const broken = useLasting(stream.state !== "live" || !connected, PATIENCE_MS);
  const done = percents(found.progress.processed_rows, found.total_rows);
  const counts = countsOf(found);
  const rate = found.rate ?? rateOf(stream.samples);
  const left = found.eta_seconds ?? (rate ? counts.left / rate : null);
  const speeds = speedsOf(stream.samples);
  return (
    <>
      {broken && (
        <Notice kind="warned" title={connected && say("live.reconnecting")} spoken>
          {say("live.numbersOf", { time: clock(heardAt) })}
        </Notice>
      )}
      <section className={`card live${broken ? " stale" : ""}`}>
        <div
          className="live-head"
          role="progressbar"
          aria-label={say("live.progress")}
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={done}
          aria-valuetext={say("live.done", { done: found.progress.processed_rows, total: found.total_rows })}
        >
          <strong className="large">{percent(done)}</strong>
          <span className="quiet">
            {say("live.done", { done: found.progress.processed_rows, total: found.total_rows })}
          </span>
        </div>
        <FatesBar counts={counts} large />
        <dl className="fates-numbers">
          {FATES.filter((fate) => fate !== "canceled" || counts.canceled > 0).map((fate) => (
            <div key={fate}>
              <dd>
                <span className={`fate-swatch fate-${fate}`} aria-hidden="true" />
                <strong>{number(counts[fate])}</strong>
              </dd>
              <dt>{say(`fate.${fate}`)}</dt>
            </div>
          ))}
        </dl>
        <div className="live-foot">
          {speeds.length > 1 && (
            <figure>
              <SpeedLine speeds={speeds} label={say("live.speed", { rate: Math.round(rate ?? 0) })} />
              <figcaption className="small quiet">{say("live.speed", { rate: Math.round(rate ?? 0) })}</figcaption>
            </figure>
          )}
          <p className="quiet">
            {found.queue_position && found.queue_position > 1
              ? say("live.queue", { before: found.queue_position - 1 })
              : left !== null && Date.now() - opened.current > ETA_AFTER_MS
                ? say("live.left", { time: lasting(left) })
                : say("live.goesOn")}
          </p>
        </div>
      </section>
    </>
  );
}

/** When these numbers came, in milliseconds since 1970. */
function useHeardAt(found: Import): number {
  const [heard, setHeard] = useState(() => Date.now());
  // biome-ignore lint/correctness/useExhaustiveDependencies: other numbers are what was heard
  useEffect(() => setHeard(Date.now()), [found.progress.processed_rows]);
  return heard;
}

/** Whether something has been true for a while. */
function useLasting(now: boolean, ms: number): boolean {
  const [lasts, setLasts] = useState(false);
  useEffect(() => {
    if (!now) {
      setLasts(false);
      return;
    }
    const timer = setTimeout(() => setLasts(true), ms);
    return () => clearTimeout(timer);
  }, [now, ms]);
  return lasts;
}
