import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";
import { changeLead, fieldsQuery, type Lead, leadMeanwhile, leadQuery } from "../../api/leads.ts";
import { Problem } from "../../api/problems.ts";
import { Button, ButtonLink } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { LeadTrouble } from "../../parts/lead-trouble.tsx";
import { stopAsking, useAskBeforeLeaving, useHeldWay } from "../../shell/leaving.tsx";
import { Page } from "../../shell/page.tsx";
import { useLeadWords } from "../../words/lead-words.tsx";
import { changesOf, type FormField, fieldsOf, textOf } from "./form.ts";
import { Waiting } from "./one-lead.tsx";
import { Overtaken } from "./overtaken.tsx";
import { useAct } from "./use-act.ts";

export function EditLead({ id }: { id: string }) {
  const say = useLeadWords();
  // While somebody writes, the page keeps the lead that it began with: only a refusal shows a newer one.
  const lead = useQuery({ ...leadQuery(id), refetchOnWindowFocus: false, refetchOnReconnect: false });
  const own = useQuery(fieldsQuery);
  if (lead.data && own.data) return <Form lead={lead.data} fields={fieldsOf(own.data)} />;
  const failed = [lead, own].find((each) => each.isError);
  return (
    <Page title={say("lead.edit")} narrow>
      {failed ? <LeadTrouble error={failed.error} again={() => void failed.refetch()} /> : <Waiting />}
    </Page>
  );
}

function Form({ lead, fields }: { lead: Lead; fields: readonly FormField[] }) {
  const say = useLeadWords();
  const client = useQueryClient();
  const [, go] = useLocation();
  const [written, setWritten] = useState<Readonly<Record<string, string>>>({});
  /** The lead that the person has in mind; after a refusal, the present one. */
  const [known, setKnown] = useState(lead);
  const [before, setBefore] = useState<Lead | null>(null);
  const save = useAct(known, changeLead);
  const changes = changesOf(known, fields, written);
  const back = `/leads/${lead.id}`;
  useAskBeforeLeaving(changes !== null && !save.isSuccess);
  const send = (event?: FormEvent) => {
    event?.preventDefault();
    if (!changes) {
      go(back);
      return;
    }
    save.mutate(changes, {
      onSuccess: () => {
        stopAsking();
        go(back);
      },
      onError: (error) => {
        const present = leadMeanwhile(error);
        if (!present) return;
        setBefore(known);
        setKnown(present);
        client.setQueryData(leadQuery(lead.id ?? "").queryKey, present);
      },
    });
  };
  const write = (name: string, value: string) => setWritten((all) => ({ ...all, [name]: value }));
  const faults = faultsOf(save.error);
  return (
    <Page title={say("lead.edit.title", { name: lead.name || say("lead.nameless") })} narrow>
      <form className="stack" onSubmit={send}>
        <div className="fields">
          {fields.map((field) => (
            <Input
              key={field.name}
              field={field}
              value={written[field.name] ?? textOf(known, field)}
              fault={faults[field.name]}
              onChange={(value) => write(field.name, value)}
            />
          ))}
        </div>
        {before && (
          <Overtaken
            before={before}
            now={known}
            fields={fields}
            written={written}
            onTake={(name) => setWritten(({ [name]: _, ...others }) => others)}
          />
        )}
        {save.isError && !leadMeanwhile(save.error) && <LeadTrouble error={save.error} />}
        <div className="line">
          <Button look="main" type="submit" isPending={save.isPending}>
            {before ? say("lead.edit.again") : say("lead.edit.save")}
          </Button>
          <ButtonLink to={back}>{say("cancel")}</ButtonLink>
        </div>
      </form>
      <Leaving />
    </Page>
  );
}

/** What is wrong, by the field that it names. */
export function faultsOf(error: unknown): Record<string, string> {
  if (!(error instanceof Problem)) return {};
  const named = (error.body.errors ?? []) as { pointer?: string; message?: string }[];
  return Object.fromEntries(
    named.map((each) => [
      (each.pointer ?? "").replace(/^\//, "").replace("custom_fields/", "custom."),
      each.message ?? "",
    ]),
  );
}

interface InputProps {
  readonly field: FormField;
  readonly value: string;
  readonly fault: string | undefined;
  readonly onChange: (value: string) => void;
}

export function Input({ field, value, fault, onChange }: InputProps) {
  const say = useLeadWords();
  const id = `edit-${field.name}`;
  const shared = {
    id,
    value,
    "aria-invalid": Boolean(fault),
    "aria-describedby": fault ? `${id}-fault` : undefined,
  };
  return (
    <div className={`field${field.kind === "lines" ? " field-wide" : ""}`}>
      <label htmlFor={id}>{field.label ?? (field.word && say(field.word))}</label>
      {field.kind === "choice" ? (
        <select {...shared} className="select" onChange={(event) => onChange(event.target.value)}>
          {(field.options ?? []).map((each) => (
            <option key={each} value={each}>
              {say(field.wordOf?.(each) ?? "leads.any")}
            </option>
          ))}
        </select>
      ) : field.kind === "lines" ? (
        <textarea
          {...shared}
          className="input area"
          rows={4}
          maxLength={10_000}
          onChange={(event) => onChange(event.target.value)}
        />
      ) : (
        <input
          {...shared}
          className="input"
          type={field.kind}
          step={field.kind === "number" ? "any" : undefined}
          required={field.required}
          maxLength={field.most}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
      {fault && (
        <p id={`${id}-fault`} className="said" role="alert">
          {fault}
        </p>
      )}
    </div>
  );
}

export function Leaving() {
  const say = useLeadWords();
  const way = useHeldWay();
  return (
    <Dialog title={say("lead.leave.title")} open={way !== null} onClose={way?.stay}>
      <p>{say("lead.leave.text")}</p>
      <div className="dialog-actions">
        <Button onPress={() => way?.stay()} autoFocus>
          {say("leave.stay")}
        </Button>
        <Button look="danger" onPress={() => way?.go()}>
          {say("leave.go")}
        </Button>
      </div>
    </Dialog>
  );
}
