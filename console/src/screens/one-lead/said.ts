// What an entry of a lead's history says, in the person's language: the API keeps it in English sentences of fixed form.

import type { Activity } from "../../api/leads.ts";
import type { LeadWord } from "../../words/lead-words.tsx";

interface Said {
  /** Null where the entry has another form than those known here: then it is shown as it is. */
  readonly word: LeadWord | null;
  readonly values: Readonly<Record<string, string>>;
  /** What a person wrote. */
  readonly text: string;
}

const FORMS: readonly (readonly [type: string, form: RegExp, word: LeadWord])[] = [
  ["status_changed", /^Status changed from (?<from>\w+) to (?<to>\w+)(?:: (?<text>.*))?$/s, "lead.did.moved"],
  ["assigned", /^Assigned to nobody$/s, "lead.did.freed"],
  ["assigned", /^Assigned to user (?<user>\d+)$/s, "lead.did.assigned"],
  ["converted", /^Converted, in stage (?<stage>.*)$/s, "lead.did.converted"],
  ["created", /^Lead created from (?<source>.*)$/s, "lead.did.created"],
  ["note_added", /^(?<text>.*)$/s, "lead.did.noted"],
  ["contacted", /^(?<text>.*)$/s, "lead.did.contacted"],
];

export function saidOf({ activity_type, description }: Activity): Said {
  for (const [type, form, word] of FORMS) {
    const groups = type === activity_type ? form.exec(description)?.groups : undefined;
    if (type === activity_type && (groups || form.test(description))) {
      const { text = "", ...values } = groups ?? {};
      return { word, values: Object.fromEntries(Object.entries(values).filter(([, value]) => value)), text };
    }
  }
  return { word: null, values: {}, text: "" };
}
