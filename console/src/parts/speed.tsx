// Rows a second, as a small line. The number stands under it.

import type { Sample } from "../api/stream.ts";

const WIDTH = 240;
const HEIGHT = 40;

/** Rows a second between each two samples. */
export function speedsOf(samples: readonly Sample[]): number[] {
  return samples.slice(1).map((sample, at) => {
    const before = samples[at] ?? sample;
    const seconds = Math.max(0.001, (sample.at - before.at) / 1000);
    return Math.max(0, (sample.rows - before.rows) / seconds);
  });
}

/** Rows a second over all samples; null while there are too few to tell. */
export function rateOf(samples: readonly Sample[]): number | null {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last || last.at - first.at < 1_000) return null;
  return (last.rows - first.rows) / ((last.at - first.at) / 1000);
}

export function SpeedLine({ speeds, label }: { speeds: readonly number[]; label: string }) {
  const most = Math.max(...speeds, 1);
  const step = WIDTH / Math.max(1, speeds.length - 1);
  const points = speeds.map(
    (speed, at) => `${(at * step).toFixed(1)},${(HEIGHT - 2 - (speed / most) * (HEIGHT - 4)).toFixed(1)}`,
  );
  return (
    <svg className="speed" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <polygon className="speed-area" points={`0,${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}`} />
      <polyline className="speed-line" points={points.join(" ")} />
    </svg>
  );
}
