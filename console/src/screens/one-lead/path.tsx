import { useState } from "react";
import { type Lead, type LeadStatus, moveLead, STATUSES } from "../../api/leads.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { STATUS_ICONS } from "../../parts/lead-status.tsx";
import { LeadTrouble } from "../../parts/lead-trouble.tsx";
import { useLeadWords } from "../../words/lead-words.tsx";
import { reachable } from "../leads/pipeline.ts";
import { useAct } from "./use-act.ts";

/** Where the lead stands in the pipeline, and where it may go from there. */
export function Path({ lead, mayMove }: { lead: Lead; mayMove: boolean }) {
  const say = useLeadWords();
  const [to, setTo] = useState<LeadStatus | null>(null);
  const [notes, setNotes] = useState("");
  const move = useAct(lead, (known, status: LeadStatus) => moveLead(known, status, notes.trim() || null));
  const ways = reachable(lead.status);
  const close = () => {
    setTo(null);
    setNotes("");
    move.reset();
  };
  return (
    <>
      <ol className="path" aria-label={say("lead.path")}>
        {STATUSES.map((status) => {
          const Icon = STATUS_ICONS[status];
          const goes = mayMove && ways.includes(status);
          return (
            <li key={status}>
              <button
                type="button"
                className={`path-step lead-${status}`}
                aria-current={status === lead.status ? "step" : undefined}
                disabled={!mayMove}
                // The step that a lead was moved to keeps the focus that its question gives back.
                aria-disabled={!goes}
                onClick={() => goes && setTo(status)}
              >
                <Icon size={16} aria-hidden="true" />
                {say(`lead.status.${status}`)}
              </button>
            </li>
          );
        })}
      </ol>
      <Dialog
        title={to ? say("lead.move.title", { status: say(`lead.status.${to}`) }) : ""}
        open={to !== null}
        onClose={close}
      >
        {to && (
          <form
            className="stack"
            onSubmit={(event) => {
              event.preventDefault();
              move.mutate(to, { onSuccess: close });
            }}
          >
            <p className="quiet">{say("lead.move.from", { status: say(`lead.status.${lead.status}`) })}</p>
            <div className="field">
              <label htmlFor="move-notes">{say("lead.move.notes")}</label>
              <textarea
                id="move-notes"
                className="input area"
                rows={3}
                maxLength={10_000}
                value={notes}
                onChange={(event) => setNotes(event.target.value)}
              />
            </div>
            {move.isError && <LeadTrouble error={move.error} />}
            <div className="dialog-actions">
              <Button onPress={close}>{say("cancel")}</Button>
              <Button
                look="main"
                type="submit"
                isPending={move.isPending}
                isDisabled={!move.isPending && !ways.includes(to)}
              >
                {say("lead.move.do")}
              </Button>
            </div>
          </form>
        )}
      </Dialog>
    </>
  );
}
