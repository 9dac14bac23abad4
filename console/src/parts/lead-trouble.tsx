// What went wrong with leads, in words that name them.

import { Problem } from "../api/problems.ts";
import { type LeadWord, useLeadWords } from "../words/lead-words.tsx";
import { Trouble } from "./trouble.tsx";

const CODES = [
  "permission_missing",
  "not_found",
  "transition",
  "moved_on",
  "name_taken",
  "field_exists",
  "assignee_not_found",
] as const;

export function LeadTrouble({ error, again }: { error: unknown; again?: () => void }) {
  const say = useLeadWords();
  const now = error instanceof Problem ? (error.body as unknown as { status_now?: string }).status_now : undefined;
  const about = Object.fromEntries(
    CODES.map((code) => {
      const values = { now: now ? say(`lead.status.${now}` as LeadWord) : "" };
      return [code, { title: say(`lead.problem.${code}`, values), text: say(`lead.problem.${code}.text`, values) }];
    }),
  );
  return <Trouble error={error} again={again} about={about} />;
}
