import { useWords } from "../../words/words.tsx";

const STEPS = ["file", "check", "import"] as const;

/** Where one is: words, for there is no other way than forward and back. */
export function Steps({ now }: { now: (typeof STEPS)[number] }) {
  const say = useWords();
  return (
    <ol className="steps" aria-label={say("steps")}>
      {STEPS.map((step, at) => (
        <li key={step} aria-current={step === now ? "step" : undefined}>
          <span className="steps-number" aria-hidden="true">
            {at + 1}
          </span>
          {say(`step.${step}`)}
        </li>
      ))}
    </ol>
  );
}
