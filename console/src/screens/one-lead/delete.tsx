import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { useState } from "react";
import { useLocation } from "wouter";
import { deleteLead, forgetLeads, type Lead, leadMeanwhile, leadQuery } from "../../api/leads.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { LeadTrouble } from "../../parts/lead-trouble.tsx";
import { useLeadWords } from "../../words/lead-words.tsx";

export function DeleteLead({ lead }: { lead: Lead }) {
  const say = useLeadWords();
  const client = useQueryClient();
  const [, go] = useLocation();
  const [asked, setAsked] = useState(false);
  const id = lead.id ?? "";
  const remove = useMutation({
    mutationFn: () => deleteLead({ id, version: lead.version }),
    onSuccess: async () => {
      go("/leads");
      // Its page is left: it must not be asked for again.
      client.removeQueries({ queryKey: ["lead", id] });
      await forgetLeads(client);
    },
    onError: (error) => {
      const present = leadMeanwhile(error);
      if (present) client.setQueryData(leadQuery(id).queryKey, present);
    },
  });
  const close = () => {
    setAsked(false);
    remove.reset();
  };
  return (
    <>
      <Button look="plain" onPress={() => setAsked(true)}>
        <Trash2 size={16} aria-hidden="true" />
        {say("lead.delete")}
      </Button>
      <Dialog title={say("lead.delete.title")} open={asked} onClose={close}>
        <p>{say("lead.delete.text")}</p>
        {remove.isError && <LeadTrouble error={remove.error} />}
        <div className="dialog-actions">
          <Button onPress={close} autoFocus>
            {say("lead.delete.keep")}
          </Button>
          <Button look="danger" onPress={() => remove.mutate()} isPending={remove.isPending}>
            {say("lead.delete.do")}
          </Button>
        </div>
      </Dialog>
    </>
  );
}
