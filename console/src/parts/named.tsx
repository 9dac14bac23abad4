// What a company makes by giving it a name: made, called otherwise, deleted. Lists, own fields and forms are such things.

import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { type LeadWord, useLeadWords } from "../words/lead-words.tsx";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { LeadTrouble } from "./lead-trouble.tsx";

interface NameProps {
  readonly id: string;
  readonly label: string;
  readonly example?: string | undefined;
  readonly value: string;
  readonly onChange: (name: string) => void;
}

export function NameField({ id, label, example, value, onChange }: NameProps) {
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        className="input"
        required
        maxLength={255}
        placeholder={example}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </div>
  );
}

interface MakingProps {
  readonly id: string;
  readonly label: LeadWord;
  readonly example: LeadWord;
  readonly does: LeadWord;
  /** Ends when the page shows what was made. */
  readonly make: (name: string) => Promise<unknown>;
  /** What is asked beside the name. */
  readonly children?: ReactNode;
}

/** Makes a thing with a name. */
export function Making({ id, label, example, does, make, children }: MakingProps) {
  const say = useLeadWords();
  const [name, setName] = useState("");
  const act = useMutation({ mutationFn: () => make(name.trim()), onSuccess: () => setName("") });
  const send = (event: FormEvent) => {
    event.preventDefault();
    // The button does not answer Enter in a field while its act goes on; this does.
    if (!act.isPending) act.mutate();
  };
  return (
    <form className="stack" onSubmit={send}>
      <div className="making">
        <NameField id={id} label={say(label)} example={say(example)} value={name} onChange={setName} />
        {children}
        <Button look="main" type="submit" isPending={act.isPending}>
          {say(does)}
        </Button>
      </div>
      {act.isError && <LeadTrouble error={act.error} />}
    </form>
  );
}

interface ChangingProps {
  readonly name: string;
  readonly label: LeadWord;
  /** What it is to call it otherwise. */
  readonly verb?: "rename" | "change";
  /** Ends when the page shows it. */
  readonly change: (name: string) => Promise<unknown>;
  readonly remove: () => Promise<unknown>;
  readonly removed: { readonly text: string; readonly does: LeadWord };
  /** What else is changed with the name; anew each time that it is asked. */
  readonly children?: ReactNode;
  readonly before?: ReactNode;
  readonly onAsk?: () => void;
}

/** What is done with one such thing: each is asked for first. */
export function Changing({
  name,
  label,
  verb = "rename",
  change,
  remove,
  removed,
  children,
  before,
  onAsk,
}: ChangingProps) {
  const say = useLeadWords();
  const [asked, setAsked] = useState<"change" | "remove" | null>(null);
  const [written, setWritten] = useState(name);
  const act = useMutation({
    mutationFn: () => (asked === "change" ? change(written.trim()) : remove()),
    onSuccess: () => setAsked(null),
  });
  const ask = (what: "change" | "remove") => {
    setWritten(name);
    onAsk?.();
    act.reset();
    setAsked(what);
  };
  const close = () => setAsked(null);
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (!act.isPending) act.mutate();
  };
  const title = asked === "change" ? say(`things.${verb}.title`, { name }) : say("things.delete.title", { name });
  return (
    <div className="line">
      {before}
      <Button look="plain" aria-label={say(`things.${verb}One`, { name })} onPress={() => ask("change")}>
        {say(`things.${verb}`)}
      </Button>
      <Button look="plain" aria-label={say("things.deleteOne", { name })} onPress={() => ask("remove")}>
        {say("lead.delete")}
      </Button>
      <Dialog title={title} open={asked !== null} onClose={close}>
        <form className="stack" onSubmit={send}>
          {asked === "change" ? (
            <>
              <NameField id="thing-name" label={say(label)} value={written} onChange={setWritten} />
              {children}
            </>
          ) : (
            <p>{removed.text}</p>
          )}
          {act.isError && <LeadTrouble error={act.error} />}
          <div className="dialog-actions">
            <Button onPress={close}>{say("cancel")}</Button>
            <Button look={asked === "change" ? "main" : "danger"} type="submit" isPending={act.isPending}>
              {asked === "remove" ? say(removed.does) : say(verb === "change" ? "lead.edit.save" : "things.rename")}
            </Button>
          </div>
        </form>
      </Dialog>
    </div>
  );
}
