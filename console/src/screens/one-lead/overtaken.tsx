import type { Lead } from "../../api/leads.ts";
import { Button } from "../../parts/button.tsx";
import { Notice } from "../../parts/notice.tsx";
import { useLeadWords } from "../../words/lead-words.tsx";
import { type FormField, overtakenIn } from "./form.ts";

interface Props {
  readonly before: Lead;
  readonly now: Lead;
  readonly fields: readonly FormField[];
  readonly written: Readonly<Record<string, string>>;
  /** Lets go of what was written into a field. */
  readonly onTake: (name: string) => void;
}

/** Somebody else was first: what he changed, and whether it stands against what is written here. */
export function Overtaken({ before, now, fields, written, onTake }: Props) {
  const say = useLeadWords();
  const changed = overtakenIn(before, now, fields, written);
  return (
    <Notice kind="warned" title={say("lead.overtaken")} spoken>
      <p>{say("lead.overtaken.text")}</p>
      <ul className="overtaken">
        {before.status !== now.status && (
          <li>
            {say("lead.overtaken.field", {
              field: say("lead.status"),
              was: say(`lead.status.${before.status}`),
              now: say(`lead.status.${now.status}`),
            })}
          </li>
        )}
        {changed.map(({ field, was, now: present, mine }) => (
          <li key={field.name} className="line-apart">
            <span>
              {say("lead.overtaken.field", {
                field: field.label ?? (field.word ? say(field.word) : ""),
                was: was || say("lead.blank"),
                now: present || say("lead.blank"),
              })}
              {mine !== null && <strong> {say("lead.overtaken.mine", { mine: mine || say("lead.blank") })}</strong>}
            </span>
            {mine !== null && (
              <Button onPress={() => onTake(field.name)}>
                {say("lead.overtaken.take", { now: present || say("lead.blank") })}
              </Button>
            )}
          </li>
        ))}
      </ul>
    </Notice>
  );
}
