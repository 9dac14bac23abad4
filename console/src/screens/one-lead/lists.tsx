import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { Link } from "wouter";
import { type Lead, listsQuery, putInto, takeOutOf } from "../../api/leads.ts";
import { Button } from "../../parts/button.tsx";
import { LeadTrouble } from "../../parts/lead-trouble.tsx";
import { useLeadWords } from "../../words/lead-words.tsx";
import { useAct } from "./use-act.ts";

/** The lists that a lead is in. */
export function Memberships({ lead, mayEdit }: { lead: Lead; mayEdit: boolean }) {
  const say = useLeadWords();
  const lists = useQuery(listsQuery).data ?? [];
  const put = useAct(lead, async ({ id }, list: string) => {
    await putInto(list, { lead_ids: [id] });
  });
  const take = useAct(lead, ({ id }, list: string) => takeOutOf(list, id));
  const own = lists.filter((each) => lead.lists.includes(each.id));
  const others = lists.filter((each) => !lead.lists.includes(each.id));
  return (
    <section className="card stack" aria-labelledby="lists">
      <h2 id="lists">{say("leads.tab.lists")}</h2>
      {own.length === 0 && <p className="quiet">{say("lead.lists.none")}</p>}
      {own.length > 0 && (
        <ul className="line">
          {own.map((list) => (
            <li key={list.id} className="chip">
              <Link to={`/leads?list_id=${list.id}`}>{list.name}</Link>
              {mayEdit && (
                <Button
                  look="plain"
                  icon
                  aria-label={say("lead.lists.take", { list: list.name })}
                  onPress={() => take.mutate(list.id)}
                  isPending={take.isPending}
                >
                  <X size={12} aria-hidden="true" />
                </Button>
              )}
            </li>
          ))}
        </ul>
      )}
      {mayEdit && others.length > 0 && <Adding lists={others} onChoice={(list) => put.mutate(list)} />}
      {put.isError && <LeadTrouble error={put.error} />}
      {take.isError && <LeadTrouble error={take.error} />}
    </section>
  );
}

function Adding({
  lists,
  onChoice,
}: {
  lists: readonly { id: string; name: string }[];
  onChoice: (list: string) => void;
}) {
  const say = useLeadWords();
  return (
    <form
      className="line"
      onSubmit={(event) => {
        event.preventDefault();
        onChoice(String(new FormData(event.currentTarget).get("list")));
      }}
    >
      <select name="list" className="select select-short" aria-label={say("lead.lists.which")}>
        {lists.map((each) => (
          <option key={each.id} value={each.id}>
            {each.name}
          </option>
        ))}
      </select>
      <Button type="submit">{say("lead.lists.put")}</Button>
    </form>
  );
}
