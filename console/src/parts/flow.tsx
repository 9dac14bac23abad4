// Where the rows of a file go: a stream from the file to each fate, as wide as it has rows. Every end is a button that
// shows its rows, with the number first; the drawing says nothing that the buttons do not.

import type { Fate } from "./fates.tsx";

export interface FlowEnd {
  readonly key: string;
  readonly fate: Fate;
  readonly label: string;
  readonly rows: number;
}

const ROW = 40;
const WIDEST = 32;
const THINNEST = 2;
const WIDTH = 200;
const BAR = 8;

interface Stream {
  readonly key: string;
  readonly fate: Fate;
  readonly path: string;
}

/** The streams' outlines, and the height of the whole. Widths are in proportion to rows, the widest being `WIDEST`; where
 * no row ends, no stream goes. */
export function streamsOf(ends: readonly FlowEnd[]): { streams: Stream[]; height: number; top: number; tall: number } {
  const most = Math.max(1, ...ends.map((end) => end.rows));
  const widths = ends.map((end) => (end.rows > 0 ? Math.max(THINNEST, (end.rows / most) * WIDEST) : 0));
  const tall = widths.reduce((sum, width) => sum + width, 0);
  const height = Math.max(ROW * ends.length, tall);
  const top = (height - tall) / 2;
  let from = top;
  const streams = ends.flatMap((end, at) => {
    const width = widths[at] ?? 0;
    if (width === 0) return [];
    const to = ROW * at + (ROW - width) / 2;
    const [left, right, middle] = [BAR, WIDTH, (BAR + WIDTH) / 2];
    const path =
      `M${left},${from} C${middle},${from} ${middle},${to} ${right},${to} V${to + width} ` +
      `C${middle},${to + width} ${middle},${from + width} ${left},${from + width} Z`;
    from += width;
    return [{ key: end.key, fate: end.fate, path }];
  });
  return { streams, height, top, tall };
}

interface Props {
  readonly ends: readonly FlowEnd[];
  readonly chosen: string | null;
  readonly onChoice: (key: string | null) => void;
  readonly number: (value: number) => string;
  readonly label: string;
}

export function Flow({ ends, chosen, onChoice, number, label }: Props) {
  const { streams, height, top, tall } = streamsOf(ends);
  const digits = Math.max(...ends.map((end) => number(end.rows).length));
  return (
    <div className="flow">
      <svg
        className="flow-picture"
        viewBox={`0 0 ${WIDTH} ${height}`}
        preserveAspectRatio="none"
        height={height}
        aria-hidden="true"
      >
        <rect className="flow-file" x="0" y={top} width={BAR} height={tall} rx="2" />
        {streams.map((stream) => (
          <path
            key={stream.key}
            className={`flow-stream flow-${stream.fate}${chosen !== null && chosen !== stream.key ? " flow-dim" : ""}`}
            d={stream.path}
          />
        ))}
      </svg>
      <ul className="flow-ends" aria-label={label}>
        {ends.map((end) => (
          <li key={end.key}>
            <button
              type="button"
              className="flow-end"
              aria-pressed={chosen === end.key}
              onClick={() => onChoice(chosen === end.key ? null : end.key)}
            >
              <span className={`fate-swatch fate-${end.fate}`} aria-hidden="true" />
              <strong className="number" style={{ minWidth: `${digits}ch` }}>
                {number(end.rows)}
              </strong>
              <span>{end.label}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
