import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { forgetLeads, type LeadQuery, listsQuery, makeList, putInto } from "../../api/leads.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { LeadTrouble } from "../../parts/lead-trouble.tsx";
import { NameField } from "../../parts/named.tsx";
import { Notice } from "../../parts/notice.tsx";
import { useLeadWords } from "../../words/lead-words.tsx";
import { useSought, whomOf } from "./wanted.ts";

const NEW = "new";

interface Props {
  readonly query: LeadQuery;
  readonly total: number;
  readonly open: boolean;
  readonly onClose: () => void;
}

/** Puts all leads that the filters find into a list, an old or a new one. */
export function IntoList({ query, total, open, onClose }: Props) {
  const say = useLeadWords();
  const client = useQueryClient();
  const sought = useSought();
  const lists = useQuery({ ...listsQuery, enabled: open }).data ?? [];
  const [chosen, setChosen] = useState(NEW);
  const [name, setName] = useState("");
  const put = useMutation({
    mutationFn: async () => {
      const list = chosen === NEW ? (await makeList(name, null)).id : chosen;
      // Whoever tries again after a failure puts them into the list that was made.
      setChosen(list);
      return putInto(list, whomOf(query, sought));
    },
    onSettled: () => forgetLeads(client),
  });
  const close = () => {
    put.reset();
    setName("");
    setChosen(NEW);
    onClose();
  };
  return (
    <Dialog title={say("leads.intoList.title", { total })} open={open} onClose={close}>
      {put.isSuccess ? (
        <>
          <Notice kind="good" spoken>
            {say("leads.intoList.done", { changed: put.data.changed, total: put.data.lead_count })}
          </Notice>
          <div className="dialog-actions">
            <Button onPress={close} autoFocus>
              {say("lead.close")}
            </Button>
          </div>
        </>
      ) : (
        <form
          className="stack"
          onSubmit={(event) => {
            event.preventDefault();
            put.mutate();
          }}
        >
          <div className="field">
            <label htmlFor="into-list">{say("leads.filter.list_id")}</label>
            <select
              id="into-list"
              className="select"
              value={chosen}
              onChange={(event) => setChosen(event.target.value)}
            >
              <option value={NEW}>{say("lists.new")}</option>
              {lists.map((each) => (
                <option key={each.id} value={each.id}>
                  {each.name}
                </option>
              ))}
            </select>
          </div>
          {chosen === NEW && <NameField id="new-list" label={say("lists.name")} value={name} onChange={setName} />}
          {put.isError && <LeadTrouble error={put.error} />}
          <div className="dialog-actions">
            <Button onPress={close}>{say("cancel")}</Button>
            <Button look="main" type="submit" isPending={put.isPending}>
              {say("leads.intoList.do", { total })}
            </Button>
          </div>
        </form>
      )}
    </Dialog>
  );
}
