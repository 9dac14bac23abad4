// What went wrong, in words: what, what to do, what was not done. Codes stand behind "Details".

import { useEffect, useState } from "react";
import { NoAnswer, Problem } from "../api/problems.ts";
import { useNumbers, useWords } from "../words/words.tsx";
import { Button } from "./button.tsx";
import { Notice } from "./notice.tsx";

/** Seconds. A longer wait is said in minutes. */
const LONG = 90;

/** Seconds until a moment (milliseconds since 1970), counted down; 0 when it is over or there is none. */
export function useCountdown(until: number | null): number {
  const left = () => (until === null ? 0 : Math.max(0, Math.ceil((until - Date.now()) / 1000)));
  const [seconds, setSeconds] = useState(left);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `left` is made of `until` alone
  useEffect(() => {
    setSeconds(left());
    if (until === null) return;
    const timer = setInterval(() => setSeconds(left()), 500);
    return () => clearInterval(timer);
  }, [until]);
  return seconds;
}

interface Props {
  readonly error: unknown;
  readonly again?: (() => void) | undefined;
  /** Other words for a code, where it is about something else than imports. */
  readonly about?: Readonly<Record<string, { title: string; text: string }>> | undefined;
}

export function Trouble({ error, again, about }: Props) {
  const say = useWords();
  const problem = error instanceof Problem ? error : null;
  const { time } = useNumbers();
  const wait = useCountdown(problem?.retryAt ?? null);
  const { title, text } = words();
  // What is not there is not there the next time either.
  const passing = problem?.code !== "not_found";
  return (
    <Notice
      kind="error"
      title={title}
      action={
        again &&
        passing && (
          <Button onPress={again} isPending={wait > 0}>
            {whenAgain()}
          </Button>
        )
      }
    >
      {text}
      {problem && (
        <details className="details small">
          <summary>{say("details")}</summary>
          <code>
            {say("problem.code")}: {problem.code} · HTTP {problem.status}
            {problem.body.request_id && ` · ${say("problem.request")}: ${problem.body.request_id}`}
          </code>
        </details>
      )}
    </Notice>
  );

  /** The API says it in seconds, for programs. */
  function whenMore({ retryAt, body }: Problem): string {
    if (retryAt === null) return body.remedy;
    return wait > 0 ? say("problem.quota.text", { time: time(retryAt) }) : say("problem.quota.now");
  }

  function whenAgain(): string {
    if (wait > LONG) return say("again.inMinutes", { minutes: Math.ceil(wait / 60) });
    return wait > 0 ? say("again.in", { seconds: wait }) : say("again");
  }

  function words(): { title: string; text: string } {
    if (error instanceof NoAnswer) return { title: say("problem.offline.title"), text: say("problem.offline.text") };
    if (!problem) return { title: say("problem.other.title"), text: "" };
    const said = about?.[problem.code];
    if (said) return said;
    if (problem.code === "permission_missing")
      return { title: say("problem.403.title"), text: say("problem.403.text") };
    if (problem.code === "not_found") return { title: say("problem.404.title"), text: say("problem.404.text") };
    if (problem.status === 503) return { title: say("problem.503.title"), text: say("problem.503.text") };
    const { title, detail } = problem.body;
    const remedy = problem.code === "quota_exceeded" ? whenMore(problem) : problem.body.remedy;
    return { title, text: [detail, remedy].filter((each, at, all) => each && all.indexOf(each) === at).join(" ") };
  }
}
