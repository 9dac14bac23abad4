import { useQuery } from "@tanstack/react-query";
import { Handshake } from "lucide-react";
import { type FormEvent, useState } from "react";
import { convertLead, type Lead, pipelinesQuery, type Wish } from "../../api/leads.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { LeadTrouble } from "../../parts/lead-trouble.tsx";
import { useLeadWords } from "../../words/lead-words.tsx";
import { useAct } from "./use-act.ts";

/** Makes an opportunity of the lead, once: who asks a second time is answered what the first call made. */
export function Convert({ lead }: { lead: Lead }) {
  const say = useLeadWords();
  const [asked, setAsked] = useState(false);
  const pipelines = useQuery({ ...pipelinesQuery, enabled: asked });
  const convert = useAct(lead, (known, wish: Wish) => convertLead(known, wish));
  const close = () => {
    setAsked(false);
    convert.reset();
  };
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const of = (name: string) => String(given.get(name) ?? "").trim();
    convert.mutate(
      {
        stage_id: of("stage"),
        title: of("title"),
        // As it was written: a float would make other cents of some amounts.
        value: of("value") || null,
        currency: of("currency"),
        expected_close: of("expected") || null,
      },
      { onSuccess: close },
    );
  };
  return (
    <>
      <Button look="main" onPress={() => setAsked(true)}>
        <Handshake size={16} aria-hidden="true" />
        {say("lead.convert")}
      </Button>
      <Dialog title={say("lead.convert.title")} open={asked} onClose={close}>
        <p className="quiet">{say("lead.convert.text")}</p>
        {pipelines.isError && <LeadTrouble error={pipelines.error} again={() => void pipelines.refetch()} />}
        {pipelines.data && (
          <form className="stack" onSubmit={send}>
            <div className="field">
              <label htmlFor="convert-title">{say("lead.convert.name")}</label>
              <input
                id="convert-title"
                name="title"
                className="input"
                required
                maxLength={255}
                defaultValue={lead.company || lead.name || ""}
              />
            </div>
            <div className="field">
              <label htmlFor="convert-stage">{say("lead.convert.stage")}</label>
              <select id="convert-stage" name="stage" className="select" required>
                {pipelines.data.map((pipeline) => (
                  <optgroup key={pipeline.id} label={pipeline.name}>
                    {pipeline.stages.map((stage) => (
                      <option key={stage.id} value={stage.id}>
                        {stage.name}
                      </option>
                    ))}
                  </optgroup>
                ))}
              </select>
            </div>
            <div className="fields">
              <div className="field">
                <label htmlFor="convert-value">{say("lead.convert.value")}</label>
                <input
                  id="convert-value"
                  name="value"
                  className="input number"
                  type="number"
                  min="0"
                  max="9999999999999.99"
                  step="0.01"
                />
              </div>
              <div className="field">
                <label htmlFor="convert-currency">{say("lead.convert.currency")}</label>
                <input
                  id="convert-currency"
                  name="currency"
                  className="input"
                  required
                  pattern="[A-Z]{3}"
                  defaultValue="BRL"
                />
              </div>
            </div>
            <div className="field">
              <label htmlFor="convert-expected">{say("lead.convert.expected")}</label>
              <input id="convert-expected" name="expected" className="input" type="date" />
            </div>
            {convert.isError && <LeadTrouble error={convert.error} />}
            <div className="dialog-actions">
              <Button onPress={close}>{say("cancel")}</Button>
              <Button look="main" type="submit" isPending={convert.isPending}>
                {say("lead.convert")}
              </Button>
            </div>
          </form>
        )}
      </Dialog>
    </>
  );
}
