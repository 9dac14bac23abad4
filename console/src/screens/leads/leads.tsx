import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { Download, ListPlus, Plus } from "lucide-react";
import { useState } from "react";
import { download, may, meQuery } from "../../api/calls.ts";
import { type LeadQuery, leadsQuery } from "../../api/leads.ts";
import { Button, ButtonLink } from "../../parts/button.tsx";
import { LeadTrouble } from "../../parts/lead-trouble.tsx";
import { Page } from "../../shell/page.tsx";
import { useLeadWords } from "../../words/lead-words.tsx";
import { useNumbers } from "../../words/words.tsx";
import { ColumnMenu, useColumns } from "./columns.tsx";
import { Filters } from "./filters.tsx";
import { IntoList } from "./into-list.tsx";
import { LeadsTable, LeadsWaiting } from "./table.tsx";
import { Tabs } from "./tabs.tsx";
import { isFiltered, queryOf, useSought, useWanted } from "./wanted.ts";

const FORMATS = ["csv", "xlsx"] as const;

export function LeadsScreen() {
  const say = useLeadWords();
  const me = useQuery(meQuery);
  const [wanted, want] = useWanted();
  const sought = useSought();
  const query = queryOf(wanted, sought, me.isPending ? undefined : (me.data ?? null));
  const found = useInfiniteQuery({ ...leadsQuery(query ?? {}), enabled: query !== null });
  const [columns, choose] = useColumns();
  const items = found.data?.pages.flatMap((page) => page.items) ?? [];
  const first = found.data?.pages[0];
  const filtered = isFiltered(wanted, sought);
  const nothing = found.isSuccess && items.length === 0;
  return (
    <Page
      title={say("leads.title")}
      under={<Tabs />}
      actions={
        may(me.data, "EDIT_LEADS") && (
          <ButtonLink to="/leads/new" look="main">
            <Plus size={16} aria-hidden="true" />
            {say("leads.new")}
          </ButtonLink>
        )
      }
    >
      <Filters wanted={wanted} want={want} sought={sought} me={me.data ?? null} />
      {found.isError && <LeadTrouble error={found.error} again={() => void found.refetch()} />}
      {first && query && (
        <div className="line-apart">
          <Count total={first.total} exact={first.total_is_exact} />
          <div className="line">
            {items.length > 0 && <Export query={query} />}
            {items.length > 0 && may(me.data, "EDIT_LEADS") && <Grouping query={query} total={first.total} />}
            <ColumnMenu shown={columns} onChange={choose} />
          </div>
        </div>
      )}
      {found.isPending && <LeadsWaiting columns={columns} />}
      {items.length > 0 && (
        <LeadsTable
          items={items}
          columns={columns}
          oldestFirst={wanted.oldestFirst}
          onOrder={() => want({ oldestFirst: !wanted.oldestFirst })}
          old={found.isPlaceholderData}
        />
      )}
      {nothing && <Nothing filtered={filtered} />}
      {found.hasNextPage && (
        <div className="line">
          <Button onPress={() => void found.fetchNextPage()} isPending={found.isFetchingNextPage}>
            {say("leads.more")}
          </Button>
        </div>
      )}
    </Page>
  );
}

/** Read out when another search has found another number. */
function Count({ total, exact }: { total: number; exact: boolean }) {
  const say = useLeadWords();
  const { number } = useNumbers();
  return (
    <p className="count" role="status">
      {exact ? say("leads.count", { total }) : say("leads.countAtLeast", { total: number(total) })}
    </p>
  );
}

function Export({ query }: { query: LeadQuery }) {
  const say = useLeadWords();
  const save = useMutation({
    mutationFn: (format: (typeof FORMATS)[number]) => {
      const parameters = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
      parameters.delete("sort");
      return download(`/api/v1/leads/export.${format}?${parameters}`, `leads.${format}`);
    },
  });
  return (
    <>
      {save.isError && <LeadTrouble error={save.error} />}
      {FORMATS.map((format) => (
        <Button key={format} onPress={() => save.mutate(format)} isPending={save.isPending}>
          <Download size={16} aria-hidden="true" />
          {save.isPending && save.variables === format
            ? say("leads.exporting")
            : say("leads.export", { format: format.toUpperCase() })}
        </Button>
      ))}
    </>
  );
}

function Grouping({ query, total }: { query: LeadQuery; total: number }) {
  const say = useLeadWords();
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button onPress={() => setOpen(true)}>
        <ListPlus size={16} aria-hidden="true" />
        {say("leads.intoList")}
      </Button>
      <IntoList query={query} total={total} open={open} onClose={() => setOpen(false)} />
    </>
  );
}

function Nothing({ filtered }: { filtered: boolean }) {
  const say = useLeadWords();
  return (
    <section className="empty">
      <h2>{filtered ? say("leads.none") : say("leads.empty")}</h2>
      <p className="quiet">{filtered ? say("leads.none.text") : say("leads.empty.text")}</p>
    </section>
  );
}
