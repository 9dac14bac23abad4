import { useInfiniteQuery } from "@tanstack/react-query";
import {
  ArrowRightLeft,
  CirclePlus,
  Handshake,
  History as HistoryIcon,
  Phone,
  StickyNote,
  UserRoundCheck,
} from "lucide-react";
import { type FormEvent, useState } from "react";
import { type Activity, type Lead, olderQuery, writeActivity } from "../../api/leads.ts";
import { Button } from "../../parts/button.tsx";
import { LeadTrouble } from "../../parts/lead-trouble.tsx";
import { usePeople } from "../../parts/people.tsx";
import { useSources } from "../../parts/sources.tsx";
import { type LeadWord, useLeadWords } from "../../words/lead-words.tsx";
import { useNumbers } from "../../words/words.tsx";
import { saidOf } from "./said.ts";
import { useAct } from "./use-act.ts";

const ICONS: Record<string, typeof HistoryIcon> = {
  created: CirclePlus,
  status_changed: ArrowRightLeft,
  assigned: UserRoundCheck,
  note_added: StickyNote,
  contacted: Phone,
  converted: Handshake,
};

/** What was done with the lead, the newest first. */
export function History({ lead, mayWrite }: { lead: Lead; mayWrite: boolean }) {
  const say = useLeadWords();
  const older = useInfiniteQuery(olderQuery(lead.id ?? "", lead.next_activities));
  const entries = [...lead.activities, ...(older.data?.pages.flatMap((page) => page.activities) ?? [])];
  const more = older.data ? older.hasNextPage : lead.next_activities !== null;
  return (
    <section className="stack" aria-labelledby="history">
      <h2 id="history">{say("lead.history")}</h2>
      {mayWrite && <Writing lead={lead} />}
      <ol className="history">
        {entries.map((entry) => (
          <Entry key={entry.id} entry={entry} />
        ))}
      </ol>
      {older.isError && <LeadTrouble error={older.error} again={() => void older.refetch()} />}
      {more && (
        <div className="line">
          <Button
            onPress={() => void (older.data ? older.fetchNextPage() : older.refetch())}
            isPending={older.isFetching}
          >
            {say("lead.history.older")}
          </Button>
        </div>
      )}
    </section>
  );
}

function Entry({ entry }: { entry: Activity }) {
  const say = useLeadWords();
  const person = usePeople();
  const nameOf = useSources();
  const { ago, moment } = useNumbers();
  const Icon = ICONS[entry.activity_type] ?? HistoryIcon;
  const { word, values, text } = saidOf(entry);
  const status = (name: string | undefined) => (name ? say(`lead.status.${name}` as LeadWord) : "");
  const user = values.user ? person(Number(values.user)) : "";
  const source = values.source ? nameOf(values.source) : "";
  return (
    <li>
      <span className="history-icon" aria-hidden="true">
        <Icon size={16} />
      </span>
      <div className="history-entry">
        <p>
          {word
            ? say(word, { ...values, from: status(values.from), to: status(values.to), user, source })
            : entry.description}
        </p>
        {text && <p className="history-text">{text}</p>}
        <p className="small quiet">
          <time dateTime={entry.created_at} title={moment(entry.created_at)}>
            {ago(entry.created_at, Date.now())}
          </time>
          {entry.performed_by !== null && ` · ${person(entry.performed_by)}`}
        </p>
      </div>
    </li>
  );
}

function Writing({ lead }: { lead: Lead }) {
  const say = useLeadWords();
  const [text, setText] = useState("");
  const [kind, setKind] = useState<"note_added" | "contacted">("note_added");
  const write = useAct(lead, ({ id }, written: string) => writeActivity(id, kind, written));
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const written = text.trim();
    if (!written) return;
    write.mutate(written, {
      onSuccess: () => {
        setText("");
        setKind("note_added");
      },
    });
  };
  return (
    <form className="stack-small writing" onSubmit={send}>
      <label className="only-heard" htmlFor="note">
        {say("lead.note")}
      </label>
      <textarea
        id="note"
        className="input area"
        rows={2}
        required
        maxLength={10_000}
        placeholder={say("lead.note")}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit();
        }}
      />
      <div className="line-apart">
        {/* biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out as a line in all browsers */}
        <div className="choices" role="group" aria-label={say("lead.note.kind")}>
          {(["note_added", "contacted"] as const).map((each) => (
            <button key={each} type="button" aria-pressed={kind === each} onClick={() => setKind(each)}>
              {say(`lead.note.${each}`)}
            </button>
          ))}
        </div>
        <Button type="submit" isPending={write.isPending}>
          {say("lead.note.do")}
        </Button>
      </div>
      {write.isError && <LeadTrouble error={write.error} />}
    </form>
  );
}
